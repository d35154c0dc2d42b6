; Wickling: a candle's journey. An original platformer for the NES: NROM-256, vertical mirroring.
;
; One frame: the main loop reads the pads, runs the current mode, and leaves sprites and picture changes in RAM; NMI
; brings them to the PPU, plays the sound, and splits the picture below the status bar.

.macpack longbranch
.include "constants.inc"
.include "ram.inc"

.segment "HEADER"
    .byte "NES", $1A
    .byte 2                             ; 32 KiB of program
    .byte 1                             ; 8 KiB of pictures
    .byte %00000001, 0                  ; vertical mirroring, mapper 0
    .res 8, 0

.segment "CHARS"
.include "pixels.inc"
.include "font.s"
.include "background.s"
.include "bar.s"
    .res (256 - BG_NEXT) * 16, 0
.include "sprites.s"
    .res (256 - SP_NEXT) * 16, 0

.segment "CODE"

reset:
    sei
    cld
    ldx #$40
    stx JOY2                            ; no sound interrupts
    ldx #$FF
    txs
    inx
    stx PPUCTRL
    stx PPUMASK
    stx $4010
    bit PPUSTATUS
:   bit PPUSTATUS
    bpl :-
    txa
:   sta $0000, x                        ; nothing in RAM is read before it has been cleared
    sta $0100, x
    sta $0200, x
    sta $0300, x
    sta $0400, x
    sta $0500, x
    sta $0600, x
    sta $0700, x
    inx
    bne :-
:   bit PPUSTATUS
    bpl :-
    lda #$5A
    sta lfsr
    lda #$C3
    sta lfsr + 1
    jsr sound_init
    lda #1
    sta loading
    lda #%10001000                      ; NMI on, sprites from the second half
    sta ppuctrl
    sta PPUCTRL
    jsr start_title

main_loop:
    jsr read_pads
    inc frame_counter
    jsr random
    lda #4                              ; sprite 0 is the split's
    sta oam_next
    jsr run_mode
    jsr hide_rest
    lda #1
    sta frame_ready
:   lda frame_ready
    bne :-
    jmp main_loop

run_mode:
    ldx mode
    lda mode_high, x
    pha
    lda mode_low, x
    pha
    rts

.define MODES title_frame-1, card_frame-1, play_frame-1, goal_frame-1, dying_frame-1, over_frame-1, ending_frame-1, duel_frame-1, duel_over_frame-1
mode_low:  .lobytes MODES
mode_high: .hibytes MODES

nmi:
    pha
    txa
    pha
    tya
    pha
    lda loading
    beq @playing
    inc load_frames
    jsr sound_frame
    jmp @done
@playing:
    lda frame_ready
    bne @upload
    inc lag_frames
    jmp @status
@upload:
    lda #0
    sta OAMADDR
    lda #>oam
    sta OAMDMA
    lda col_pending
    beq :+
    jsr flush_column
:   jsr flush_vram
    lda pal_dirty
    beq @status
    jsr flush_palette
@status:
    bit PPUSTATUS
    lda split_on
    beq @whole
    lda #0
    sta PPUSCROLL
    sta PPUSCROLL
    lda ppuctrl
    sta PPUCTRL
    jmp @mask
@whole:
    jsr set_scroll
@mask:
    lda ppumask
    sta PPUMASK
    jsr sound_frame
    lda split_on
    beq @ready
    jsr wait_for_split
    jsr set_scroll
@ready:
    lda #0
    sta frame_ready
@done:
    pla
    tay
    pla
    tax
    pla
irq:
    rti

set_scroll:
    lda scroll_lo
    sta PPUSCROLL
    lda #0
    sta PPUSCROLL
    lda scroll_hi
    and #1
    ora ppuctrl
    sta PPUCTRL
    rts

; Wait until the beam meets sprite 0, but not longer than a frame.
wait_for_split:
    ldx #0
    ldy #8
:   bit PPUSTATUS
    bvc @cleared
    inx
    bne :-
    dey
    bne :-
    rts
@cleared:
    ldy #8
:   bit PPUSTATUS
    bvs @hit
    inx
    bne :-
    dey
    bne :-
@hit:
    rts

; Read both pads, once per frame.
read_pads:
    lda #1
    sta JOY1
    sta pad_raw + 1
    lsr a
    sta JOY1
:   lda JOY1
    and #3
    cmp #1
    rol pad_raw
    lda JOY2
    and #3
    cmp #1
    rol pad_raw + 1
    bcc :-
    lda pad_held
    eor #$FF
    and pad_raw
    sta pad_pressed
    lda pad_raw
    sta pad_held
    lda pad2_held
    eor #$FF
    and pad_raw + 1
    sta pad2_pressed
    lda pad_raw + 1
    sta pad2_held
    rts

; Step the random numbers: a 16 bit shift register that never reaches 0. Out: A.
random:
    lda lfsr + 1
    asl a
    asl a
    eor lfsr + 1
    asl a
    eor lfsr + 1
    asl a
    asl a
    eor lfsr + 1
    asl a
    rol lfsr
    rol lfsr + 1
    lda lfsr
    rts

.include "metatiles.s"
.include "level.s"
.include "video.s"
.include "sound.s"
.include "status.s"
.include "screens.s"
.include "play.s"
.include "player.s"
.include "objects.s"
.include "platforms.s"
.include "duel.s"
.include "themes.s"
.include "levels/levels.s"

.segment "VECTORS"
    .word nmi, reset, irq
