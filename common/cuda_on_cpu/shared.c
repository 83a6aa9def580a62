// Shared memory.  Static arrays are `static` variables in a section of the program,
// .noinit, so that all of them lie together.  All blocks have them at the same addresses:
// they are filled with 0xff before each block, and exchanged when blocks take turns.
//
// The linker gives no names to the ends of that section, so we look it up in the file.
#include "emulator.h"
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static char *section;
static size_t section_bytes;

// ---- where it is

static int load_address(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    *(uintptr_t *)data = info->dlpi_addr;
    return 1;  // the first is the program
}

// gcc puts the arrays of a template that is not `static` somewhere else, one by one, and
// AddressSanitizer does not watch them there.
static void find_in_sections(const char *file)
{
    const ElfW(Ehdr) *head = (const ElfW(Ehdr) *)(const void *)file;
    const ElfW(Shdr) *list = (const ElfW(Shdr) *)(const void *)(file + head->e_shoff);
    const char *names = file + list[head->e_shstrndx].sh_offset;
    uintptr_t base = 0;
    dl_iterate_phdr(load_address, &base);
    for (int i = 0; i < head->e_shnum; i++) {
        const char *name = names + list[i].sh_name;
        if (strcmp(name, ".noinit") == 0) {
            section = (char *)(base + list[i].sh_addr);
            section_bytes = list[i].sh_size;
        } else if (strncmp(name, ".noinit.", 8) == 0)
            cu_die((CuSite){ 0 }, "%s is shared memory of a template: make that static",
                   name + 8);
    }
}

static void find_section(void)
{
    static bool found;
    struct stat status;
    if (found)
        return;
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    void *map = MAP_FAILED;
    if (file >= 0 && fstat(file, &status) == 0)
        map = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    if (map == MAP_FAILED)
        cu_die((CuSite){ 0 }, "cannot read this program's own file, /proc/self/exe");
    find_in_sections(map);
    munmap(map, (size_t)status.st_size);
    close(file);
    found = true;
}

size_t shared_bytes(void)
{
    find_section();
    return section_bytes;
}

// ---- what is in it

// Not memset and memcpy: AddressSanitizer replaces them by functions that respect the red
// zones between the arrays, and we mean these too.
static void fill(char *to, size_t bytes)
{
    volatile uint64_t *p = (volatile uint64_t *)(void *)to;
    volatile char *end = to + bytes;
    for (size_t i = 0; i < bytes / sizeof *p; i++)
        p[i] = ~(uint64_t)0;
    for (size_t i = bytes % sizeof *p; i > 0; i--)
        end[-(ptrdiff_t)i] = (char)0xff;
}

static void copy(char *to, const char *from, size_t bytes)
{
    volatile uint64_t *p = (volatile uint64_t *)(void *)to;
    const uint64_t *q = (const uint64_t *)(const void *)from;
    volatile char *end = to + bytes;
    for (size_t i = 0; i < bytes / sizeof *p; i++)
        p[i] = q[i];
    for (size_t i = bytes % sizeof *p; i > 0; i--)
        end[-(ptrdiff_t)i] = from[bytes - i];
}

void shared_enter(const Block *b)
{
    copy(section, b->shared, section_bytes);
}

void shared_leave(Block *b)
{
    copy(b->shared, section, section_bytes);
}

// The part of the section that the blocks of this launch have been seen to write.
static size_t reach_from, reach_to;  // bytes

// To look at all of the section takes about as long as to run a small block: so this is
// done after the 1st, 2nd, 4th, 8th, ... block.
static void widen_reach(size_t blocks_done)
{
    const uint64_t *p = (const uint64_t *)(const void *)section;
    size_t n = section_bytes / sizeof *p, first = 0;
    if ((blocks_done & (blocks_done - 1)) != 0)
        return;
    while (first < n && p[first] == ~(uint64_t)0)
        first++;
    while (n > first && p[n - 1] == ~(uint64_t)0)
        n--;
    if (first == n)
        return;
    reach_from = first * sizeof *p < reach_from ? first * sizeof *p : reach_from;
    reach_to = n * sizeof *p > reach_to ? n * sizeof *p : reach_to;
}

// Nobody has written it yet: whoever reads gets NaN, or -1.
void shared_poison(Block *b, size_t blocks_done)
{
    if (!emulator_settings.poison)
        return;
    if (b->shared)
        memset(b->shared, 0xff, section_bytes);
    else if (blocks_done == 0) {
        find_section();
        fill(section, section_bytes);
        reach_from = section_bytes;
        reach_to = 0;
    } else {
        widen_reach(blocks_done);
        if (reach_from < reach_to)
            fill(section + reach_from, reach_to - reach_from);
    }
    if (b->dynamic)
        memset(b->dynamic, 0xff, launch_now->dynamic);
}

void *cu_dynamic_shared(void)
{
    if (!thread_now)
        cu_die((CuSite){ 0 }, "declare `extern __shared__` arrays inside of the kernel");
    if (!thread_now->block->dynamic)
        cu_die(launch_now->site, "the kernel has dynamic shared memory, the launch none");
    return thread_now->block->dynamic;
}
