/* Plays a tone of 440 Hz: amplitude 8000 on the left, 4000 on the right, 735 stereo samples each frame.
 *
 * The first sample of the first frame is 0, and the tone goes on from frame to frame without a click. Byte 2 of the
 * ROM: 0 hands over a frame's samples at once, 1 sample by sample.
 */
#include "libretro.h"

static void play_tone(void);
#define TINY_PLAY play_tone
#include "tiny.h"

#include <math.h>

static void play_tone(void) {
    int16_t samples[2 * TINY_SAMPLES_PER_FRAME];
    unsigned first = (tiny_get16(TINY_FRAME) - 1) * TINY_SAMPLES_PER_FRAME;
    for (unsigned i = 0; i < TINY_SAMPLES_PER_FRAME; i++) {
        double turns = (first + i) * 440.0 / TINY_SAMPLES_PER_SECOND;
        double height = sin(2 * 3.14159265358979323846 * (turns - floor(turns)));
        samples[2 * i] = (int16_t)(8000 * height);
        samples[2 * i + 1] = (int16_t)(4000 * height);
    }
    if (tiny_rom_byte(2) == 0)
        tiny_audio_batch(samples, TINY_SAMPLES_PER_FRAME);
    else
        for (unsigned i = 0; i < TINY_SAMPLES_PER_FRAME; i++) tiny_audio_sample(samples[2 * i], samples[2 * i + 1]);
}
