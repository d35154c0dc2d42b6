/* The lines of its picture lie far apart, with noise between them. */
#include "libretro.h"

static void show_with_wide_pitch(void);
#define TINY_SHOW show_with_wide_pitch
#include "tiny.h"

#define PITCH_BYTES 1000

static void show_with_wide_pitch(void) {
    static uint8_t pixels[TINY_HEIGHT * PITCH_BYTES];
    for (unsigned i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * 37 + tiny_get16(TINY_FRAME));
    tiny_draw(pixels, TINY_WIDTH, TINY_HEIGHT, PITCH_BYTES);
    tiny_video(pixels, TINY_WIDTH, TINY_HEIGHT, PITCH_BYTES);
}
