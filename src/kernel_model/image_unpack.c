/* SPDX-License-Identifier: MIT */
#include "kernel_model/image.h"

#include <stdlib.h>
#include <string.h>

/* Fields of the setup header. Kernel: Documentation/arch/x86/boot.rst, "The Real-Mode Kernel
 * Header". */
enum {
    SETUP_SECTS = 0x1f1,
    BOOT_FLAG = 0x1fe,
    HEADER_MAGIC = 0x202,
    PROTOCOL_VERSION = 0x206,
    PAYLOAD_OFFSET = 0x248,
    PAYLOAD_LENGTH = 0x24c,
    HEADER_END = 0x250,
    SECTOR = 512
};

/* Files that people take for a kernel image of this machine. */
static const struct stranger {
    size_t offset;
    const char *magic;
    uint8_t size;
    const char *what;
} strangers[] = {
    {0x38, "ARM\x64", 4, "an arm64 kernel"},
    {0x38, "RSC\x05", 4, "a RISC-V kernel"},
    {0x30, "RISCV", 5, "a RISC-V kernel"},
    {4, "zimg", 4, "an EFI zboot image, of a kernel for another architecture"},
    {0, "\x1f\x8b", 2, "a gzip file, not a bzImage (unpack it first)"},
    {0,
     "\xfd"
     "7zXZ",
     5, "an xz file, not a bzImage (unpack it first)"},
    {0, "\x28\xb5\x2f\xfd", 4, "a zstd file, not a bzImage (unpack it first)"},
    {0, "!<arch>\ndebian", 14, "a Debian package; the kernel is boot/vmlinuz-* inside"},
    {0, "07070", 5, "a cpio archive (an initrd?)"},
};

static enum x64_status refuse_stranger(struct x64i_bytes file, struct x64_image_error *error)
{
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
        const struct stranger *s = &strangers[i];
        if (x64i_range_ok(s->offset, s->size, file.size) &&
            memcmp(file.data + s->offset, s->magic, s->size) == 0)
            return x64i_image_fail(error, X64_ERROR_UNSUPPORTED, "this is %s", s->what);
    }
    if (file.size < HEADER_END)
        return x64i_image_fail(error, X64_ERROR_FORMAT,
                               "the file has only %zu bytes: too short for a kernel image",
                               file.size);
    return x64i_image_fail(
        error, X64_ERROR_FORMAT,
        "not a kernel image: neither an ELF file nor a bzImage (no HdrS at 0x%x)",
        (unsigned)HEADER_MAGIC);
}

/* Find the compressed kernel in a bzImage: payload_offset counts from the protected-mode code. */
static enum x64_status find_payload(struct x64i_bytes file, struct x64i_bytes *payload,
                                    struct x64_image_error *error)
{
    unsigned version = x64i_le16(file.data + PROTOCOL_VERSION);
    if (version < 0x208)
        return x64i_image_fail(
            error, X64_ERROR_UNSUPPORTED,
            "boot protocol %u.%02u is too old: 2.08 and later name their payload", version >> 8,
            version & 0xff);
    uint64_t sectors = file.data[SETUP_SECTS] == 0 ? 4 : file.data[SETUP_SECTS];
    uint64_t offset = (sectors + 1) * SECTOR + x64i_le32(file.data + PAYLOAD_OFFSET);
    uint64_t length = x64i_le32(file.data + PAYLOAD_LENGTH);

    if (length < 8 || !x64i_range_ok(offset, length, file.size))
        return x64i_image_fail(error, X64_ERROR_FORMAT,
                               "the bzImage's payload of %llu bytes at offset 0x%llx does not fit "
                               "in the file's %zu bytes (truncated?)",
                               (unsigned long long)length, (unsigned long long)offset, file.size);
    payload->data = file.data + offset;
    payload->size = (size_t)length;
    return X64_OK;
}

static enum x64_status unpack_bzimage(struct x64_kernel_image *image, struct x64i_bytes file,
                                      struct x64_image_error *error)
{
    struct x64i_bytes payload = {NULL, 0};
    enum x64_status status = find_payload(file, &payload, error);

    if (status != X64_OK || payload.size < 4)
        return status;
    size_t size = x64i_le32(payload.data + payload.size - 4);
    if (size > X64I_IMAGE_SIZE_MAX)
        return x64i_image_fail(error, X64_ERROR_LIMIT,
                               "the payload claims to unpack to %zu bytes; the limit is %zu", size,
                               X64I_IMAGE_SIZE_MAX);
    uint8_t *out = malloc(size == 0 ? 1 : size);
    if (out == NULL)
        return x64i_image_fail(error, X64_ERROR_MEMORY, "no memory for %zu bytes of kernel", size);
    status = x64i_image_decompress(payload, out, size, &image->compression, error);
    if (status != X64_OK) {
        free(out);
        return status;
    }
    image->elf = out;
    image->elf_size = size;
    image->boot_protocol = x64i_le16(file.data + PROTOCOL_VERSION);
    return X64_OK;
}

static enum x64_status copy_elf(struct x64_kernel_image *image, struct x64i_bytes file,
                                struct x64_image_error *error)
{
    if (file.size > X64I_IMAGE_SIZE_MAX)
        return x64i_image_fail(error, X64_ERROR_LIMIT,
                               "the ELF file has %zu bytes; the limit is %zu (strip its debug "
                               "sections)",
                               file.size, X64I_IMAGE_SIZE_MAX);
    image->elf = malloc(file.size);
    if (image->elf == NULL)
        return x64i_image_fail(error, X64_ERROR_MEMORY, "no memory for %zu bytes of kernel",
                               file.size);
    memcpy(image->elf, file.data, file.size);
    image->elf_size = file.size;
    image->compression = "none";
    return X64_OK;
}

enum x64_status x64i_image_unpack(struct x64_kernel_image *image, struct x64i_bytes file,
                                  struct x64_image_error *error)
{
    if (file.size >= 4 && memcmp(file.data,
                                 "\x7f"
                                 "ELF",
                                 4) == 0)
        return copy_elf(image, file, error);
    if (file.size >= HEADER_END && memcmp(file.data + HEADER_MAGIC, "HdrS", 4) == 0 &&
        x64i_le16(file.data + BOOT_FLAG) == 0xaa55)
        return unpack_bzimage(image, file, error);
    return refuse_stranger(file, error);
}
