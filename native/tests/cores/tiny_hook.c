/* Runs a frame without its picture where the frontend asks for that by stable-retro-turbo's function, and has sound only
 * where it was switched on.
 *
 *   0x100  u16: pictures drawn;   0x102  u16: frames with sound
 */
#include "libretro.h"

static void show_if_wanted(void);
static void play_if_wanted(void);
#define TINY_SHOW show_if_wanted
#define TINY_PLAY play_if_wanted
#include "tiny.h"

static bool without_picture, audio_enabled = true;

static void show_if_wanted(void) {
    if (without_picture) return;
    tiny_put16(TINY_VARIANT, tiny_get16(TINY_VARIANT) + 1);
    tiny_show();
}

static void play_if_wanted(void) {
    if (!audio_enabled) return;
    tiny_put16(TINY_VARIANT + 2, tiny_get16(TINY_VARIANT + 2) + 1);
    tiny_play();
}

__attribute__((visibility("default"))) void stable_retro_run_skip_render(void) {
    without_picture = true;
    retro_run();
    without_picture = false;
}

__attribute__((visibility("default"))) void stable_retro_set_audio_enabled(bool enabled) { audio_enabled = enabled; }
