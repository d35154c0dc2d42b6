/* Asks the frontend on every frame whether it wants picture and sound, and leaves out what it does not want.
 *
 *   0x100  u16: pictures drawn;   0x102  u16: frames with sound;   0x104  the last answer (255: none)
 */
#include "libretro.h"

static void ask(void);
static void show_if_wanted(void);
static void play_if_wanted(void);
#define TINY_EACH_FRAME ask
#define TINY_SHOW show_if_wanted
#define TINY_PLAY play_if_wanted
#include "tiny.h"

static int wanted;

static void ask(void) {
    if (!tiny_environment(RETRO_ENVIRONMENT_GET_AUDIO_VIDEO_ENABLE, &wanted)) wanted = 255;
    tiny.ram[TINY_VARIANT + 4] = (uint8_t)wanted;
}

static void show_if_wanted(void) {
    if (!(wanted & 1)) {
        tiny_video(NULL, TINY_WIDTH, TINY_HEIGHT, TINY_WIDTH * TINY_PIXEL_BYTES);
        return;
    }
    tiny_put16(TINY_VARIANT, tiny_get16(TINY_VARIANT) + 1);
    tiny_show();
}

static void play_if_wanted(void) {
    if (!(wanted & 2)) return;
    tiny_put16(TINY_VARIANT + 2, tiny_get16(TINY_VARIANT + 2) + 1);
    tiny_play();
}
