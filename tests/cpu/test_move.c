/* SPDX-License-Identifier: MIT */
/* Moves, exchanges, flags and hints. */
#include "cpu/support/vector.h"

/* SDM vol. 2, the instructions' pages. */
static const struct vector moves[] = {
    {"mov eax, ebx clears the upper half", "89d8", "rax=0xffffffffffffffff rbx=1", "rax=1"},
    {"mov ah, 0x12", "b412", "rax=0xffff", "rax=0x12ff"},
    {"mov spl, 0x12", "40b412", "", "rsp=0x30012"},
    {"movabs rax, imm64", "48b88877665544332211", "", "rax=0x1122334455667788"},
    {"mov rax, -1", "48c7c0ffffffff", "", "rax=0xffffffffffffffff"},
    {"movabs al, [0x20000]", "a00000020000000000", "byte[0x20000]=0x5a", "rax=0x5a"},
    {"movabs [0xffffffff], eax is not sign-extended", "a3ffffffff00000000", "", "fault=14 error=2"},
    {"movabs rax, [0x1122334455667788]: not canonical", "48a18877665544332211", "", "fault=13"},
    {"mov qword ptr [rbx], -2", "48c703feffffff", "rbx=0x20000",
     "qword[0x20000]=0xfffffffffffffffe"},
    {"mov fs:[rbx], al", "648803", "fs=0x20000 rbx=5 rax=9", "byte[0x20005]=9"},
    {"movzx eax, ah", "0fb6c4", "rax=0xffffffffffff80ff", "rax=0x80"},
    {"movsx ax, bl", "660fbec3", "rax=0x55550000 rbx=0x80", "rax=0x5555ff80"},
    {"movsx rax, word ptr [rsi]", "480fbf06", "rsi=0x20000 word[0x20000]=0x8000",
     "rax=0xffffffffffff8000"},
    {"movsxd rax, ecx", "4863c1", "rcx=0x80000000", "rax=0xffffffff80000000"},
    {"movsxd eax, ecx", "63c1", "rcx=0x80000000", "rax=0x80000000"},
    {"movsxd ax, word ptr [rsi]: two bytes at the end of a page", "666306",
     "rsi=0x3ffffe word[0x1ffffe]=0x8123 rax=0x55550000", "rax=0x55558123"},
    {"bswap eax", "0fc8", "rax=0x1122334455667788", "rax=0x88776655"},
    {"bswap r9", "490fc9", "r9=0x1122334455667788", "r9=0x8877665544332211"},
    {"movbe [rsi], ax", "660f38f106", "rsi=0x20000 rax=0x1234", "word[0x20000]=0x3412"},
    {"movbe ecx, [rsi]", "0f38f00e", "rsi=0x20000 dword[0x20000]=0x11223344", "rcx=0x44332211"},
    {"lea rax, [eax-1]: addresses of 32 bits", "67488d40ff", "", "rax=0xffffffff"},
    {"lea ax, [rbx+rcx*8+0x10]", "668d44cb10", "rax=0xffff0000 rbx=0x1000 rcx=2", "rax=0xffff1020"},
    {"lea eax, [rip]", "8d0500000000", "", "rax=0x10006"},
    {"cbw", "6698", "rax=0xff80", "rax=0xff80"},
    {"cdqe", "4898", "rax=0x80000000", "rax=0xffffffff80000000"},
    {"cwd", "6699", "rax=0x8000 rdx=0x55550000", "rdx=0x5555ffff"},
    {"cqo", "4899", "rax=1 rdx=5", "rdx=0"},
    {"xlat", "d7", "rbx=0x20000 rax=0xff05 byte[0x20005]=0x66", "rax=0xff66"},
    {"fs xlat", "64d7", "fs=0x20000 rbx=1 rax=5 byte[0x20006]=0x66", "rax=0x66"},
    {"cmovz eax, ebx, false: the upper half is cleared", "0f44c3", "rax=0x1111111122222222",
     "rax=0x22222222"},
    {"cmovz eax, [rbx], false: memory is read all the same", "0f4403", "rbx=0x900000", "fault=14"},
    {"cmovnz rax, rbx", "480f45c3", "rbx=7", "rax=7"},
    {"setbe ah", "0f96c4", "zf=1", "rax=0x100"},
    {"setnl byte ptr [rbx]", "0f9d03", "rbx=0x20000 sf=1", "byte[0x20000]=0"},
};

/* SDM vol. 2A, CMPXCHG, CMPXCHG8B; vol. 2C, XADD, XCHG. */
static const struct vector exchanges[] = {
    {"xchg [rsi], rax", "488706", "rsi=0x20000 rax=1 qword[0x20000]=2", "rax=2 qword[0x20000]=1"},
    {"xchg eax, ebx", "93", "rax=0x1111111100000001 rbx=0x2222222200000002", "rax=2 rbx=1"},
    {"xchg al, ah", "86c4", "rax=0x1234", "rax=0x3412"},
    {"xchg [rsi], eax: not writable", "8706", "rsi=0x220000 rax=1", "fault=14 error=3"},
    {"xadd al, al", "0fc0c0", "rax=0x81", "rax=0x02 cf=1 of=1"},
    {"lock xadd [rsi], ebx", "f00fc11e", "rsi=0x20000 rbx=0xffffffff dword[0x20000]=1",
     "rbx=1 dword[0x20000]=0 cf=1 zf=1 af=1 pf=1"},
    {"cmpxchg ecx, ebx, equal: RAX stays whole", "0fb1d9",
     "rax=0x1111111100000005 rcx=0x2222222200000005 rbx=7", "rcx=7 zf=1 pf=1"},
    {"cmpxchg ecx, ebx, different: RCX stays whole", "0fb1d9",
     "rax=0x1111111100000005 rcx=0x2222222200000006 rbx=7", "rax=6 cf=1 sf=1 af=1 pf=1"},
    {"lock cmpxchg [rsi], bl, different", "f00fb01e", "rsi=0x20000 byte[0x20000]=1 rax=2",
     "rax=1 byte[0x20000]=1"},
    {"cmpxchg [rsi], ebx is a write even when different", "0fb11e", "rsi=0x220000 rax=9",
     "fault=14 error=3"},
    {"cmpxchg8b [rsi], equal", "0fc70e",
     "rsi=0x20000 qword[0x20000]=0x200000001 rax=1 rdx=2 rbx=3 rcx=4 cf=1",
     "qword[0x20000]=0x400000003 zf=1"},
    {"cmpxchg8b [rsi], different", "0fc70e",
     "rsi=0x20000 qword[0x20000]=0x200000001 rax=0x1111111100000001 zf=1", "rax=1 rdx=2 zf=0"},
    {"cmpxchg16b [rsi], equal", "480fc70e",
     "rsi=0x20010 qword[0x20010]=1 qword[0x20018]=2 rax=1 rdx=2 rbx=3 rcx=4",
     "qword[0x20010]=3 qword[0x20018]=4 zf=1"},
    {"cmpxchg16b [rsi], different", "480fc70e", "rsi=0x20010 qword[0x20018]=2 rax=1 zf=1",
     "rax=0 rdx=2 zf=0"},
    {"cmpxchg16b [rsi]: not aligned", "480fc70e", "rsi=0x20008", "fault=13"},
    {"cmpxchg16b [rbp+8]: not aligned comes before not canonical", "480fc74d08",
     "rbp=0x8000000000000000", "fault=13"},
    {"cmpxchg16b [rbp]: not canonical", "480fc74d00", "rbp=0x8000000000000000", "fault=12"},
};

/* SDM vol. 2, CLC ... STD, LAHF, SAHF, NOP, CLFLUSH, UD. */
static const struct vector others[] = {
    {"cmc", "f5", "cf=1", "cf=0"},
    {"stc", "f9", "", "cf=1"},
    {"std", "fd", "", "df=1"},
    {"lahf", "9f", "cf=1 zf=1 sf=1 of=1", "rax=0xc300"},
    {"sahf: reserved bits are ignored", "9e", "rax=0xff00 of=1", "cf=1 pf=1 af=1 zf=1 sf=1"},
    {"nop [rax]: memory is not touched", "0f1f00", "rax=0x900000", ""},
    {"prefetchw [rax]", "0f0d08", "rax=0x900000", ""},
    {"endbr64", "f30f1efa", "", ""},
    {"pause", "f390", "", ""},
    {"xchg r8, rax is no NOP", "4990", "rax=1 r8=2", "rax=2 r8=1"},
    {"clflush [rax]: reads", "0fae38", "rax=0x900000", "fault=14"},
    {"clflush [rax] of read-only memory", "0fae38", "rax=0x220000", ""},
    {"ud2", "0f0b", "", "fault=6"},
    {"ud1 eax, [rbx]", "0fb903", "rbx=0x900000", "fault=6"},
    {"lock mov: no such instruction", "f08903", "rbx=0x20000", "fault=6"},
};

/* SDM vol. 2A, AAA, AAD, AAM, AAS, BOUND, DAA, DAS. */
static const struct vector decimal[] = {
    {"aaa", "37", "bits=32 rax=0x000f", "rax=0x0105 cf=1 af=1 of=? sf=? zf=? pf=?"},
    {"aaa carries into AH", "37", "bits=32 rax=0x00ff", "rax=0x0205 cf=1 af=1 of=? sf=? zf=? pf=?"},
    {"aas", "3f", "bits=32 rax=0x02ff", "rax=0x0109 cf=1 af=1 of=? sf=? zf=? pf=?"},
    {"daa", "27", "bits=32 rax=0xae", "rax=0x14 cf=1 af=1 pf=1 of=?"},
    {"daa", "27", "bits=32 rax=0x2e", "rax=0x34 af=1 of=?"},
    {"das", "2f", "bits=32 rax=0x47 af=0", "rax=0x47 pf=1 of=?"},
    {"das borrows", "2f", "bits=32 rax=0x05 af=1", "rax=0xff cf=1 af=1 sf=1 pf=1 of=?"},
    {"aam", "d40a", "bits=32 rax=0x3f", "rax=0x0603 pf=1 cf=? of=? af=?"},
    {"aam 0", "d400", "bits=32 rax=0x3f", "fault=0"},
    {"aad", "d50a", "bits=32 rax=0x0603", "rax=0x3f pf=1 cf=? of=? af=?"},
    {"salc", "d6", "bits=32 cf=1", "rax=0xff"},
    {"salc in 64-bit mode", "d6", "", "fault=6"},
    {"bound eax, [rsi], inside", "6206", "bits=32 rsi=0x20000 rax=5 dword[0x20004]=5", ""},
    {"bound eax, [rsi], below", "6206", "bits=32 rsi=0x20000 rax=0xffffffff dword[0x20004]=5",
     "fault=5"},
    {"aaa in 64-bit mode", "37", "", "fault=6"},
};

X64_TEST_VECTORS(test_move_moves, moves)
X64_TEST_VECTORS(test_move_exchanges, exchanges)
X64_TEST_VECTORS(test_move_others, others)
X64_TEST_VECTORS(test_move_decimal, decimal)

static Suite *move_suite(void)
{
    Suite *suite = suite_create("move");
    TCase *tcase = tcase_create("vectors");
    X64_ADD_VECTORS(tcase, test_move_moves, moves);
    X64_ADD_VECTORS(tcase, test_move_exchanges, exchanges);
    X64_ADD_VECTORS(tcase, test_move_others, others);
    X64_ADD_VECTORS(tcase, test_move_decimal, decimal);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(move_suite())
