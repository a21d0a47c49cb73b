#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""validate_compare.py PROGRAM KERNELS CALL A B: a jsonl comparison is JSON, and its sums add up. An
"@" in A stands for the directory of kernels, where the environment does not name another."""
import json
import os
import subprocess
import sys

FIELDS = ["instructions", "reads", "writes", "cr3_writes", "msr_writes", "cycles"]


def check_costs(side, where):
    for field in FIELDS:
        total = sum(cost[field] for cost in side["phases"].values())
        assert total == side["total"][field], f"{where}: {field} of the phases is {total}, {side['total']}"


def check_sum(total, calls, side):
    for field in FIELDS:
        expected = sum(call[side]["total"][field] for call in calls if side in call)
        assert total[side]["total"][field] == expected, f"{side}: {field} is {total[side]['total']}"


def main():
    program, kernels, call, a, b = sys.argv[1:]
    kernels = os.environ.get("X64EMU_KERNELS", kernels)
    a = a.replace("@", kernels + "/")
    command = [program, "trace", "--format", "jsonl", "--compare", a, b]
    for options in ([], ["--syscall", call]):
        output = subprocess.run(command + options, check=True, capture_output=True).stdout
        header, *lines = [json.loads(line) for line in output.splitlines()]
        assert header["format"] == "x64emu-compare" and header["version"] == 1, header
        calls = [line for line in lines if "call" in line]
        total = next(line for line in lines if "sum_of_calls" in line)
        rows = [line for line in lines if "phase" in line]
        assert len(calls) + 1 + len(rows) == len(lines)
        assert total["sum_of_calls"] == len(calls) > 0
        for line in calls + [total]:
            for side in "ab":
                check_costs(line[side], f"{line.get('call', 'sum')}, {side}")
        for side in "ab":
            check_sum(total, calls, side)
            steps = [row[side]["n"] for row in rows if side in row]
            assert len(steps) == len(set(steps))
            if options:
                one = next(line[side] for line in calls)
                assert min(steps) == one["n"] and max(steps) - min(steps) + 1 == len(steps)
        assert bool(rows) == bool(options)
    print(f"{len(calls)} calls of {call}, {len(rows)} rows")


main()
