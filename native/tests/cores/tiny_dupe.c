/* Shows a new picture on odd frames only, and on even ones gives NULL: "as before". Its game runs on every frame. */
#include "libretro.h"

static void show_odd_frames(void);
#define TINY_SHOW show_odd_frames
#include "tiny.h"

static void show_odd_frames(void) {
    if (tiny_get16(TINY_FRAME) % 2 == 1)
        tiny_show();
    else
        tiny_video(NULL, TINY_WIDTH, TINY_HEIGHT, TINY_WIDTH * TINY_PIXEL_BYTES);
}
