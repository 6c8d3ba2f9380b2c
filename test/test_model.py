# SPDX-License-Identifier: BSD-3-Clause
"""The ring's algorithm, exhaustively: every interleaving of small configurations of test/model, and
every mutant of it that has to be found."""
import re
import shutil
import subprocess
from pathlib import Path

import pytest

MODEL = Path(__file__).resolve().parent / "model"
MEGABYTES = 1000
SECONDS = 100

SAFETY = ["-DSAFETY"]
# The formula speaks of who made the last step, which partial order reduction does not keep.
PROGRESS = ["-DNOREDUCE"]

# name: what is given to the model. LARGE: spin's verifier is worth optimising, which takes 2 seconds.
RING = {
    "2p1c_1_slot": "NP=2 NC=1 SLOTS=1 TICKETS=4",
    "1p2c_1_slot": "NP=1 NC=2 SLOTS=1 TICKETS=4",
    "2p1c_2_slots": "NP=2 NC=1 SLOTS=2 TICKETS=6 BULK=2",
    "2p1c_2_slots_one_by_one": "NP=2 NC=1 SLOTS=2 TICKETS=6 LOOK_AHEAD",
    "1p2c_2_slots": "NP=1 NC=2 SLOTS=2 TICKETS=6 BULK=2 LOOK_AHEAD",
    "2p1c_2_slots_all_or_none": "NP=2 NC=1 SLOTS=2 TICKETS=5 BULK=2 ALL=1 ANY_ORDER",
    "1p2c_2_slots_all_or_none": "NP=1 NC=2 SLOTS=2 TICKETS=5 BULK=2 ALL=1 ANY_ORDER",
    "2p1c_2_slots_4_tags": "NP=2 NC=1 SLOTS=2 TICKETS=6 BULK=2 TAGS=4",
    "2p1c_2_slots_word_by_word": "NP=2 NC=1 SLOTS=2 TICKETS=5 BULK=2 WORDS=2",
    "2p1c_4_slots": "NP=2 NC=1 SLOTS=4 TICKETS=7 BULK=2 LARGE",
    "1p2c_4_slots": "NP=1 NC=2 SLOTS=4 TICKETS=7 BULK=2 LARGE",
    "2p2c_1_slot": "NP=2 NC=2 SLOTS=1 TICKETS=3 LARGE",
    "2p2c_2_slots": "NP=2 NC=2 SLOTS=2 TICKETS=3 LARGE",
    "2p1c_exact_3_of_4": "NP=2 NC=1 SLOTS=4 CAP=3 TICKETS=9 BULK=2 LARGE",
    "1p2c_exact_3_of_4": "NP=1 NC=2 SLOTS=4 CAP=3 TICKETS=9 BULK=2 LARGE",
    "2p1c_exact_1_of_2": "NP=2 NC=1 SLOTS=2 CAP=1 TICKETS=6 LOOK_AHEAD",
    "2p1c_voids": "NP=2 NC=1 SLOTS=2 TICKETS=4 BULK=2 PARTIAL",
    "1p2c_voids": "NP=1 NC=2 SLOTS=2 TICKETS=4 BULK=2 PARTIAL",
    "1p2c_voids_all_or_none": "NP=1 NC=2 SLOTS=2 TICKETS=4 BULK=2 PARTIAL ALL=1",
    "2p1c_nothing_is_lost": "NP=2 NC=1 SLOTS=2 TICKETS=6 BULK=2 SLEEP",
    "1p2c_nothing_is_lost": "NP=1 NC=2 SLOTS=2 TICKETS=6 BULK=2 SLEEP",
    # not the ring, but the reason for its two arrays: with one, a bit is not enough
    "one_track_3_tags": "NP=2 NC=1 SLOTS=1 TICKETS=4 ONE_TRACK TAGS=3",
}

RECOVER = {
    "1p1c_2_slots": "NP=1 NC=1 SLOTS=2 TICKETS=5 BULK=2",
    "1p1c_1_slot_two_deaths": "NP=1 NC=1 SLOTS=1 TICKETS=4 KILLS=2 ROUNDS=2",
    "2p1c_1_slot": "NP=2 NC=1 SLOTS=1 TICKETS=3 PRODUCERS_DIE LARGE",
    "1p2c_1_slot": "NP=1 NC=2 SLOTS=1 TICKETS=2",
    "2p1c_1_slot_two_at_once": "NP=2 NC=1 SLOTS=1 TICKETS=2 PRODUCERS_DIE KILLS=2 RECOVERERS=2",
}

# A process that goes on running ends each call, whoever else has stopped and where.
CALLS_END = {
    "a_producer": "NP=2 NC=1 SLOTS=1 TICKETS=2 WATCHED=1",
    "a_consumer": "NP=1 NC=2 SLOTS=1 TICKETS=2 WATCHED=2",
}

TWO = "NP=2 NC=1 SLOTS=2 TICKETS=6 BULK=2 "
MUTANTS = {
    "NO_CAS": TWO,
    "TAG_BEFORE_COPY": TWO,
    "KNOWN_TOO_FAR": TWO,
    "HINT_IS_FACT": TWO,
    "NO_SECOND_LOOK": TWO,
    "ONE_LAP_PER_RUN": "NP=2 NC=1 SLOTS=2 TICKETS=6 BULK=2 MIXED",
    "LOST_MARK": TWO + "SLEEP",
    "LAG_OF_SLOTS": "NP=2 NC=1 SLOTS=4 CAP=3 TICKETS=9",
    "NONE TAGS=1": TWO,
    "NONE ONE_TRACK TAGS=2": "NP=2 NC=1 SLOTS=1 TICKETS=4",
}

DEATHS = "NP=1 NC=1 SLOTS=2 TICKETS=5 "
RECOVER_MUTANTS = {
    "INTENT_AFTER_CAS": DEATHS,
    "CLEAR_BEFORE_MARK": DEATHS,
    "INTENTS_BEFORE_NEXT": DEATHS,
    "NO_INTENTS": DEATHS,
    "NO_LAP_CHECK": DEATHS,
    "RECOVER_ONE_SIDE": DEATHS,
    "NO_LOCK": "NP=2 NC=1 SLOTS=1 TICKETS=2 PRODUCERS_DIE RECOVERERS=2",
}

CALLS_END_MUTANTS = {
    "WAIT_FOR_ELDERS": "NP=2 NC=1 SLOTS=2 TICKETS=3 WATCHED=1",
    "RETRY_FOR_EVER": "NP=2 NC=1 SLOTS=1 TICKETS=2 WATCHED=1",
}

DYING = " OWNERS SLEEP NO_HINTS"


def check(folder, defines, compile_for, *options):
    """The number of errors that spin finds, up to one, and what it says."""
    if not shutil.which("spin"):
        pytest.skip("no spin: apt-get install spin")
    given = [f"-D{d}" for d in defines.split()]
    for source in MODEL.glob("*.pml"):
        shutil.copy(source, folder)
    optimise = "-O1" if "LARGE" in defines else "-O0"
    for step in (["spin", "-a", *given, "ring.pml"],
                 ["gcc", "-w", optimise, *compile_for, f"-DMEMLIM={MEGABYTES}", "-o", "pan", "pan.c"]):
        made = subprocess.run(step, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
        assert made.returncode == 0, f"{step}: {made.stdout}{made.stderr}"
    said = subprocess.run(["./pan", "-m200000", *options], cwd=folder, capture_output=True, text=True,
                          timeout=SECONDS, check=False).stdout
    errors = re.search(r"errors: (\d+)", said)
    assert errors, said
    if errors[1] == "0":
        assert "Search not completed" not in said and "max search depth too small" not in said, said
    return int(errors[1]), said


def parameters(*tables):
    return [pytest.param(value, id=name.replace(" ", "_")) for table in tables for name, value in table.items()]


def mutants(table):
    return [pytest.param(f"{given} MUTANT={name}", id=name.replace(" ", "_")) for name, given in table.items()]


@pytest.mark.parametrize("defines", parameters(RING))
def test_no_slot_has_two_owners_and_no_element_is_lost_doubled_torn_or_out_of_order(defines, tmp_path):
    errors, said = check(tmp_path, defines, SAFETY)
    assert errors == 0, said


@pytest.mark.parametrize("defines", parameters(RECOVER))
def test_recovery_frees_what_the_dead_held_and_nothing_else(defines, tmp_path):
    errors, said = check(tmp_path, defines + DYING, SAFETY, "-E")
    assert errors == 0, said


@pytest.mark.parametrize("defines", parameters(CALLS_END))
def test_a_call_ends_whoever_has_stopped(defines, tmp_path):
    errors, said = check(tmp_path, defines, PROGRESS, "-a")
    assert errors == 0, said


@pytest.mark.parametrize("defines", mutants(MUTANTS))
def test_a_broken_ring_is_found(defines, tmp_path):
    errors, said = check(tmp_path, defines, SAFETY)
    assert errors == 1, said


@pytest.mark.parametrize("defines", mutants(RECOVER_MUTANTS))
def test_a_broken_recovery_is_found(defines, tmp_path):
    errors, said = check(tmp_path, defines + DYING, SAFETY, "-E")
    assert errors == 1, said


@pytest.mark.parametrize("defines", mutants(CALLS_END_MUTANTS))
def test_a_ring_that_waits_is_found(defines, tmp_path):
    errors, said = check(tmp_path, defines, PROGRESS, "-a")
    assert errors == 1 and "acceptance cycle" in said, said
