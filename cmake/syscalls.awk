# SPDX-License-Identifier: MIT
#
# Makes what is derived from a system call table (src/kernel_model/syscall_64.tbl, syscall_32.tbl):
#
#   awk -f syscalls.awk -v mode=entries [-v table=sys_call_table] TABLE
#       assembly: a stub for each entry point (macro SYSCALL_STUB) and the table (SYSCALL_QUAD),
#       every hole filled with sys_ni_syscall
#   awk -f syscalls.awk -v mode=rows -v bits=64 SOURCE.c... TABLE
#       C: a row X64I_SYSCALL(number, name, entry, definition) for each number, where the
#       definition is that of SYSCALL_DEFINEn(entry, ...) or COMPAT_SYSCALL_DEFINEn in the sources
#   awk -f syscalls.awk -v mode=declarations -v bits=64 SOURCE.c... TABLE
#       C: X64I_SYSCALL_DECLARE(definition) for each definition that the rows use

BEGIN { last = -1 }

FILENAME ~ /\.c$/ {
    if (match($0, /^SYSCALL_DEFINE[0-6]\([a-z0-9_]+/)) {
        name = substr($0, RSTART + 16, RLENGTH - 16)
        defined["sys_" name] = "x64i_syscall_" name
    }
    if (match($0, /^COMPAT_SYSCALL_DEFINE[0-6]\([a-z0-9_]+/)) {
        name = substr($0, RSTART + 23, RLENGTH - 23)
        compat["sys_" name] = "x64i_compat_syscall_" name
    }
    next
}

/^[0-9]/ && $2 != "x32" {
    number = $1 + 0
    name_of[number] = $3
    entry_of[number] = $4 == "" ? "sys_ni_syscall" : $4
    if (number > last)
        last = number
}

END {
    print "/* Made by cmake/syscalls.awk. */"
    if (mode == "entries")
        print_entries()
    else
        print_rows()
}

function entry(number) {
    return number in entry_of ? entry_of[number] : "sys_ni_syscall"
}

function definition(e) {
    if (bits == 32 && (e in compat))
        return compat[e]
    return defined[e]
}

function print_entries(    number) {
    print "\t.set NR_syscalls, " last + 1
    print "\t.section .text, \"ax\""
    print "SYSCALL_STUB sys_ni_syscall"
    for (number = 0; number <= last; number++)
        print "SYSCALL_STUB " entry(number)
    print "\t.section .rodata, \"a\""
    print "\t.balign 64"
    print "\t.globl " table
    print "\t.type " table ", @object"
    print table ":"
    for (number = 0; number <= last; number++)
        print "SYSCALL_QUAD " entry(number)
    print "\t.size " table ", . - " table
}

function print_rows(    number, e, d) {
    for (number = 0; number <= last; number++) {
        e = entry(number)
        d = definition(e)
        if (mode == "rows")
            print "X64I_SYSCALL(" number ", \"" name_of[number] "\", \"" e "\", " \
                (d == "" ? "X64I_SYSCALL_NONE" : "&" d) ")"
        else if (d != "" && !(d in declared)) {
            declared[d] = 1
            print "X64I_SYSCALL_DECLARE(" d ")"
        }
    }
}
