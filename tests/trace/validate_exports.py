#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reads perfetto and kanata traces as their viewers do, and holds them to jsonl of the same run.

    validate_exports.py PROGRAM [OPTION...]     runs PROGRAM trace --format ... OPTION...

Perfetto: slices of a track follow each other, every step is one slice of the instructions' track,
ends in its cycle and lies in slices of its ring; system calls have phases. Kanata: every record is
well-formed, cycles go forwards, every micro-op begins, goes through its stages in order and ends
once, every step has one at least, and producers began before those that wait for them.
"""
import collections
import json
import subprocess
import sys

STAGES = "FDQRWXC"


def check(condition, message):
    if not condition:
        sys.exit(f"validate_exports.py: {message}")


def trace(program, form, options):
    run = subprocess.run([program, "trace", "--format", form, *options], check=False,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    check(run.returncode == 0, f"{form}: exit status {run.returncode}: {run.stderr.decode()}")
    return run.stdout.decode("ascii")


def check_perfetto(text, steps):
    events = json.loads(text)
    names = {e["tid"]: e["args"]["name"] for e in events if e["name"] == "thread_name"}
    check(sorted(names.values()) == ["instructions", "phase", "ring", "stack"], f"tracks {names}")
    tracks = collections.defaultdict(list)
    for event in events:
        check(event["ph"] in "XM" and event["pid"] == 1, f"event {event}")
        if event["ph"] == "X":
            check(event["dur"] >= 0 and event["name"], f"slice {event}")
            tracks[names[event["tid"]]].append(event)
    for name, slices in tracks.items():
        for before, after in zip(slices, slices[1:]):
            check(after["ts"] >= before["ts"] + before["dur"], f"{name}: {after} in {before}")
    shown = tracks["instructions"]
    check([e["args"]["n"] for e in shown] == [s["n"] for s in steps], "not every step once")
    for event, step in zip(shown, steps):
        check(event["ts"] + event["dur"] == step["cycle"], f"ends elsewhere: {event}")
        check(event["dur"] == step.get("cycles", 0), f"takes longer: {event}")
        check(event["args"].get("wait") == step.get("wait"), f"waits for another thing: {event}")
    ring = iter(tracks["ring"])
    now = next(ring)
    for step in steps:
        while now["ts"] + now["dur"] < step["cycle"]:
            now = next(ring)
        if step.get("cycles", 0):
            check(str(step["cpl"]) in now["name"], f"n = {step['n']} lies in {now}")
    phases = {e["name"] for e in tracks["phase"]}
    check({"enter", "save frame", "dispatch", "return"} <= phases, f"phases {phases}")


class Row:
    def __init__(self, step):
        self.step, self.stages, self.cycles, self.label, self.ended = step, "", [], None, False


def check_kanata(text, steps):
    lines = [line.split("\t") for line in text.splitlines()]
    check(lines[0] == ["Kanata", "0004"], f"begins {lines[0]}")
    check(lines[1][0] == "C=", "no first cycle")
    cycle, rows, retired = int(lines[1][1]), {}, 0
    for fields in lines[2:]:
        kind, number = fields[0], int(fields[1])
        if kind == "C":
            check(number > 0, "a cycle that is none")
            cycle += number
            continue
        if kind == "I":
            check(number == len(rows) and fields[3] == "0", f"row {fields}")
            rows[number] = Row(int(fields[2]))
            continue
        row = rows[number]
        check(not row.ended, f"{fields} behind its end")
        if kind == "L":
            row.label = fields[3]
        elif kind == "S":
            check(fields[2] == "0" and fields[3] in STAGES, f"stage {fields}")
            row.stages += fields[3]
            row.cycles.append(cycle)
        elif kind == "W":
            check(int(fields[2]) < number, f"waits for a later one: {fields}")
        else:
            check(kind == "R" and fields[3] == "0", f"record {fields}")
            row.ended = True
            retired += 1
    check(retired == len(rows), f"{retired} of {len(rows)} ended")
    for number, row in rows.items():
        order = [STAGES.index(stage) for stage in row.stages]
        check(order == sorted(set(order)), f"row {number} goes through {row.stages}")
        check(row.label, f"row {number} has no label")
    shown = sorted({row.step for row in rows.values()})
    check(shown == [step["n"] for step in steps], "not every step is there")
    check(any("X" in row.stages and "F" in row.stages for row in rows.values()), "no stages")
    check(any(fields[0] == "W" for fields in lines), "nothing waits for anything")


def main():
    program, *options = sys.argv[1:]
    steps = [json.loads(line) for line in trace(program, "jsonl", options).splitlines()][1:]
    check(len(steps) > 50, f"only {len(steps)} steps")
    check(any("wait" in step for step in steps), "no step waits")
    check_perfetto(trace(program, "perfetto", options), steps)
    check_kanata(trace(program, "kanata", options), steps)


main()
