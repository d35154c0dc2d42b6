/* Describes its memory by a map; retro_get_memory_data gives nothing.
 *
 *   0x0000  2 KiB work RAM; the length follows from the select mask alone
 *   0x2000  256 bytes of video RAM; the select mask would allow 8 KiB, the length says less
 *   0x6000  64 bytes that are not there (no pointer); they read as 0
 *   0x8000  32 KiB ROM, constant: no variable lies there
 */
#include "libretro.h"

static bool send_maps(void);
#define TINY_LOADED send_maps
#define TINY_OWN_MEMORY
#include "tiny.h"

static const uint8_t rom[0x8000] = {0xEA};

static bool send_maps(void) {
    const struct retro_memory_descriptor blocks[] = {
        {.ptr = (void *)rom, .start = 0x8000, .len = sizeof rom, .flags = RETRO_MEMDESC_CONST},
        {.ptr = tiny.video_ram, .start = 0x2000, .select = 0xE000, .len = sizeof tiny.video_ram},
        {.ptr = NULL, .start = 0x6000, .len = 0x40},
        {.ptr = tiny.ram, .start = 0x0000, .select = 0xF800},
    };
    /* The frontend copies what it needs: neither the map nor the array lives on. */
    struct retro_memory_map map = {blocks, sizeof blocks / sizeof blocks[0]};
    return tiny_environment(RETRO_ENVIRONMENT_SET_MEMORY_MAPS, &map);
}

void *retro_get_memory_data(unsigned kind) { return (void)kind, NULL; }
size_t retro_get_memory_size(unsigned kind) { return (void)kind, 0; }
