/* Changes the size of its picture every 8 frames, above and below the one that it began with.
 *
 * The last dot of the last line lies right before a page that nobody may touch, so a frontend that reads more than was
 * announced, the padding of the last line included, crashes. The second and the last size have padded lines.
 */
#define _GNU_SOURCE
#include "libretro.h"

static bool make_buffers(void);
static void show_in_changing_size(void);
#define TINY_LOADED make_buffers
#define TINY_SHOW show_in_changing_size
#include "tiny.h"

#include <sys/mman.h>
#include <unistd.h>

#define NUM_SIZES 5

static const struct { unsigned width, height, padding_bytes; } sizes[NUM_SIZES] = {
    {TINY_WIDTH, TINY_HEIGHT, 0}, {32, 24, 6}, {TINY_MAX_WIDTH, TINY_MAX_HEIGHT, 0}, {50, 30, 0}, {72, 40, 20},
};
static uint8_t *buffers[NUM_SIZES];
static unsigned current_size;

static size_t pitch_of(unsigned i) { return sizes[i].width * TINY_PIXEL_BYTES + sizes[i].padding_bytes; }

static bool make_buffers(void) {
    current_size = 0;
    if (buffers[0]) return true;
    size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    for (unsigned i = 0; i < NUM_SIZES; i++) {
        size_t used_bytes = sizes[i].height * pitch_of(i) - sizes[i].padding_bytes;
        size_t pages_bytes = (used_bytes + page_bytes - 1) / page_bytes * page_bytes;
        uint8_t *pages =
            mmap(NULL, pages_bytes + page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (pages == MAP_FAILED || mprotect(pages + pages_bytes, page_bytes, PROT_NONE) != 0) return false;
        buffers[i] = pages + pages_bytes - used_bytes;
    }
    return true;
}

static void show_in_changing_size(void) {
    unsigned i = tiny_get16(TINY_FRAME) / 8 % NUM_SIZES;
    if (i != current_size) {
        struct retro_system_av_info info;
        retro_get_system_av_info(&info);
        info.geometry.base_width = sizes[i].width;
        info.geometry.base_height = sizes[i].height;
        tiny_environment(RETRO_ENVIRONMENT_SET_GEOMETRY, &info.geometry);
        current_size = i;
    }
    tiny_draw(buffers[i], sizes[i].width, sizes[i].height, pitch_of(i));
    tiny_video(buffers[i], sizes[i].width, sizes[i].height, pitch_of(i));
}
