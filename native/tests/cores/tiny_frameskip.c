/* Leaves out the picture of a frame before which the frontend has reported that its sound is about to run dry.
 *
 *   0x100  u16: pictures drawn;   0x102  1 if the frontend reports at all
 *
 * As cores do, it reports a picture as unchanged (NULL) when it has drawn none.
 */
#include "libretro.h"

static bool ask_for_reports(void);
static void show_unless_late(void);
#define TINY_LOADED ask_for_reports
#define TINY_SHOW show_unless_late
#include "tiny.h"

static bool reports, late;

static void hear_report(bool active, unsigned occupancy_percent, bool underrun_likely) {
    (void)occupancy_percent;
    late = active && underrun_likely;
}

static bool ask_for_reports(void) {
    struct retro_audio_buffer_status_callback callback = {hear_report};
    late = false;
    reports = tiny_environment(RETRO_ENVIRONMENT_SET_AUDIO_BUFFER_STATUS_CALLBACK, &callback);
    return true;
}

static void show_unless_late(void) {
    tiny.ram[TINY_VARIANT + 2] = reports;
    if (late) {
        tiny_video(NULL, TINY_WIDTH, TINY_HEIGHT, TINY_WIDTH * TINY_PIXEL_BYTES);
        return;
    }
    tiny_put16(TINY_VARIANT, tiny_get16(TINY_VARIANT) + 1);
    tiny_show();
}
