#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Validates jsonl traces of the program against docs/trace.schema.json.

    validate_trace.py PROGRAM SCHEMA [OPTION...]     runs PROGRAM trace --format jsonl OPTION...

Beyond the schema: the first line is the header and no other one is, steps come in order, every key
of the schema's steps that a run must show was seen, and damaged lines are refused.
"""
import json
import subprocess
import sys

import jsonschema

# Keys that tracing the demo must bring forth: system calls, a page fault, MSRs, page walks, REP.
EXPECTED = {"n", "cycle", "cycles", "wait", "rip", "sym", "cpl", "bytes", "asm", "stack", "mem", "regs", "msr", "cr",
            "seg", "walk", "fault", "note"}


def check(condition, message):
    if not condition:
        sys.exit(f"validate_trace.py: {message}")


def check_schema_refuses(validator, step):
    damaged = [
        {**step, "unknown": 1},
        {**step, "n": -1},
        {**step, "wait": "for Godot"},
        {**step, "rip": 17},
        {**step, "rip": "0x00"},
        {**step, "stack": "heap"},
        {**step, "mem": [{"op": "x", "va": "0x1", "pa": "0x1", "size": 8}]},
        {key: value for key, value in step.items() if key != "cycle"},
    ]
    for line in damaged:
        check(not validator.is_valid(line), f"the schema lets this pass: {json.dumps(line)}")


def main():
    program, schema_path, *options = sys.argv[1:]
    with open(schema_path, encoding="utf-8") as file:
        schema = json.load(file)
    validator_class = jsonschema.validators.validator_for(schema)
    validator_class.check_schema(schema)
    validator = validator_class(schema)
    run = subprocess.run([program, "trace", "--format", "jsonl", *options], check=False,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    check(run.returncode == 0, f"exit status {run.returncode}: {run.stderr.decode()}")
    lines = [json.loads(line) for line in run.stdout.decode("ascii").splitlines()]
    check(len(lines) > 100, f"only {len(lines)} lines")
    for number, line in enumerate(lines, 1):
        for error in validator.iter_errors(line):
            sys.exit(f"validate_trace.py: line {number}: {error.message}: {json.dumps(line)}")
    check(lines[0].get("format") == "x64emu-trace", "the first line is no header")
    check(not any("format" in line for line in lines[1:]), "a second header")
    steps = lines[1:]
    for before, after in zip(steps, steps[1:]):
        check(after["n"] == before["n"] + before.get("repeat", 1), f"a gap after n = {before['n']}")
        check(after["cycle"] == before["cycle"] + after.get("cycles", 0),
              f"cycles that nobody took before n = {after['n']}")
    seen = set().union(*(step.keys() for step in steps))
    check(EXPECTED <= seen, f"never seen: {sorted(EXPECTED - seen)}")
    names = {item["what"] for step in steps for item in step.get("mem", []) if "what" in item}
    check("pt_regs.ss" in names, "no pt_regs.ss among the names of slots")
    check_schema_refuses(validator, steps[0])


if __name__ == "__main__":
    main()
