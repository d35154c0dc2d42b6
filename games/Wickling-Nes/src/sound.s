; Sound: effects on the first pulse channel and on noise, music on the second pulse channel and the triangle.
;
; An effect is a list of steps: volume, period low, period high, frames; it ends with 0.
; Music is a list of notes: pitch (0 is a rest), frames; $FF starts over.

.macro play_sfx effect
    lda #effect
    jsr start_sfx
.endmacro

sound_init:
    lda #%00001111
    sta APUSTATUS
    lda #$08                            ; no sweep
    sta $4001
    sta $4005
    lda #0
    sta music_on
quiet:
    lda #$30
    sta $4000
    sta $4004
    sta $400C
    lda #$80
    sta $4008
    rts

; Effect number A.
start_sfx:
    stx sfx_saved_x
    tax
    lda sfx_low, x
    pha
    lda sfx_high, x
    cpx #FIRST_NOISE
    ldx #0
    bcc :+
    ldx #sfx_noise_ptr - sfx_pulse_ptr
:   sta sfx_pulse_ptr + 1, x
    pla
    sta sfx_pulse_ptr, x
    lda #1
    sta sfx_pulse_wait, x
    ldx sfx_saved_x
    rts

; In NMI, once per frame.
sound_frame:
    lda sfx_pulse_wait
    beq @noise
    dec sfx_pulse_wait
    bne @noise
    lda sfx_pulse_ptr
    sta nmi_ptr
    lda sfx_pulse_ptr + 1
    sta nmi_ptr + 1
    ldy #0
    lda (nmi_ptr), y
    beq @pulse_ends
    sta $4000
    iny
    lda (nmi_ptr), y
    sta $4002
    iny
    lda (nmi_ptr), y
    sta $4003
    iny
    lda (nmi_ptr), y
    sta sfx_pulse_wait
    lda sfx_pulse_ptr
    clc
    adc #4
    sta sfx_pulse_ptr
    bcc @noise
    inc sfx_pulse_ptr + 1
    bne @noise
@pulse_ends:
    lda #$30
    sta $4000
@noise:
    lda sfx_noise_wait
    beq @music
    dec sfx_noise_wait
    bne @music
    lda sfx_noise_ptr
    sta nmi_ptr
    lda sfx_noise_ptr + 1
    sta nmi_ptr + 1
    ldy #0
    lda (nmi_ptr), y
    beq @noise_ends
    sta $400C
    iny
    lda (nmi_ptr), y
    sta $400E
    lda #$08
    sta $400F
    iny
    iny
    lda (nmi_ptr), y
    sta sfx_noise_wait
    lda sfx_noise_ptr
    clc
    adc #4
    sta sfx_noise_ptr
    bcc @music
    inc sfx_noise_ptr + 1
    bne @music
@noise_ends:
    lda #$30
    sta $400C
@music:
    lda music_on
    beq @done
    dec music_wait
    bne @gap
    ldx #0
    jsr next_note
    beq @melody_rest
    sta $4004 + 2
    lda note_high, y
    sta $4004 + 3
    lda #%01110110
    sta $4004
    bne @bass
@melody_rest:
    lda #$30
    sta $4004
    bne @bass
@gap:
    lda music_wait
    cmp #2
    bne @bass
    lda #%01110010                      ; the end of a note is softer
    sta $4004
@bass:
    dec bass_wait
    bne @done
    ldx #bass_ptr - music_ptr
    jsr next_note
    beq @bass_rest
    sta $400A
    lda note_high, y
    sta $400B
    lda #$81
    sta $4008
    lda #$FF
    sta $4008
@done:
    rts
@bass_rest:
    lda #$80
    sta $4008
    rts

; The next note of a voice. In: X = 0 melody, bass_ptr - music_ptr bass. Out: Y = pitch, A = low period, Z for a rest.
next_note:
    lda music_ptr, x
    sta nmi_ptr
    lda music_ptr + 1, x
    sta nmi_ptr + 1
    ldy #0
    lda (nmi_ptr), y
    cmp #$FF
    bne @note
    cpx #0
    beq :+
    lda bass_loop
    sta bass_ptr
    lda bass_loop + 1
    sta bass_ptr + 1
    bne next_note
:   lda music_loop
    sta music_ptr
    lda music_loop + 1
    sta music_ptr + 1
    bne next_note
@note:
    pha
    iny
    lda (nmi_ptr), y
    sta music_wait, x
    lda music_ptr, x
    clc
    adc #2
    sta music_ptr, x
    bcc :+
    inc music_ptr + 1, x
:   pla
    tay
    beq @rest
    lda note_low, y
    ldx #1                              ; not a rest, whatever the period
@rest:
    rts

; Play tune A; 0 is silence.
start_music:
    pha
    asl a
    asl a
    tax
    lda #0
    sta music_on
    lda #$30
    sta $4004
    lda #$80
    sta $4008
    lda tunes, x
    sta music_ptr
    sta music_loop
    lda tunes + 1, x
    sta music_ptr + 1
    sta music_loop + 1
    lda tunes + 2, x
    sta bass_ptr
    sta bass_loop
    lda tunes + 3, x
    sta bass_ptr + 1
    sta bass_loop + 1
    lda #1
    sta music_wait
    sta bass_wait
    pla
    sta music_on
    rts

; Pitches: 1 = C2 ... 12 = B2, 13 = C3 ... 60 = B6, a semitone each. Period = 1789773 / (16 * frequency) - 1.
note_low:
    .byte 0
    .byte $AD, $4D, $F3, $9D, $4C, $00, $B8, $74, $34, $F8, $BF, $89
    .byte $56, $26, $F9, $CE, $A6, $80, $5C, $3A, $1A, $FB, $DF, $C4
    .byte $AB, $93, $7C, $67, $52, $3F, $2D, $1C, $0C, $FD, $EF, $E1
    .byte $D5, $C9, $BD, $B3, $A9, $9F, $96, $8E, $86, $7E, $77, $70
    .byte $6A, $64, $5E, $59, $54, $4F, $4B, $46, $42, $3F, $3B, $38
note_high:
    .byte 0
    .byte $06, $06, $05, $05, $05, $05, $04, $04, $04, $03, $03, $03
    .byte $03, $03, $02, $02, $02, $02, $02, $02, $02, $01, $01, $01
    .byte $01, $01, $01, $01, $01, $01, $01, $01, $01, $00, $00, $00
    .byte $00, $00, $00, $00, $00, $00, $00, $00, $00, $00, $00, $00
    .byte $00, $00, $00, $00, $00, $00, $00, $00, $00, $00, $00, $00

SFX_JUMP    = 0
SFX_EMBER   = 1
SFX_LIFE    = 2
SFX_TORCH   = 3
SFX_KEY     = 4
SFX_SPARK   = 5
SFX_SELECT  = 6
SFX_GOAL    = 7
SFX_DIE     = 8
FIRST_NOISE = 9
SFX_STOMP   = 9
SFX_BUMP    = 10
SFX_HIT     = 11
SFX_DOOR    = 12

.define EFFECTS sfx_jump, sfx_ember, sfx_life, sfx_torch, sfx_key, sfx_spark, sfx_select, sfx_goal, sfx_die, sfx_stomp, sfx_bump, sfx_hit, sfx_door
sfx_low:  .lobytes EFFECTS
sfx_high: .hibytes EFFECTS

sfx_jump:   .byte $76, $90, $01, 2, $76, $60, $01, 2, $75, $30, $01, 2, $74, $00, $01, 2, $73, $E0, $00, 3, $72, $C8, $00, 3, 0
sfx_ember:  .byte $B7, $70, $00, 3, $B8, $4A, $00, 5, $B5, $4A, $00, 5, $B3, $4A, $00, 6, 0
sfx_life:   .byte $B7, $A8, $00, 5, $B7, $86, $00, 5, $B7, $70, $00, 5, $B7, $54, $00, 5, $B7, $43, $00, 12, 0
sfx_torch:  .byte $B6, $FD, $00, 4, $B6, $C8, $00, 4, $B7, $A8, $00, 4, $B7, $7E, $00, 10, 0
sfx_key:    .byte $B8, $86, $00, 6, $B8, $6A, $00, 6, $B8, $59, $00, 6, $B8, $43, $00, 16, 0
sfx_spark:  .byte $37, $50, $00, 2, $37, $80, $00, 2, $36, $C0, $00, 2, $34, $20, $01, 3, 0
sfx_select: .byte $76, $A0, $00, 3, $74, $80, $00, 3, 0
sfx_goal:   .byte $B8, $A8, $00, 7, $B8, $86, $00, 7, $B8, $70, $00, 7, $B8, $54, $00, 14, $B8, $70, $00, 7
            .byte $B8, $54, $00, 7, $B8, $43, $00, 28, $B4, $43, $00, 8, 0
sfx_die:    .byte $B8, $A8, $00, 5, $B8, $E0, $00, 5, $B7, $20, $01, 6, $B7, $60, $01, 6, $B6, $C0, $01, 8, $B5, $30, $02, 10
            .byte $B4, $C0, $02, 14, 0
sfx_stomp:  .byte $3C, $08, 0, 2, $3A, $0A, 0, 2, $38, $0C, 0, 3, $34, $0D, 0, 4, 0
sfx_bump:   .byte $3A, $0C, 0, 2, $36, $0D, 0, 4, 0
sfx_hit:    .byte $3E, $05, 0, 3, $3B, $07, 0, 3, $37, $09, 0, 4, $33, $0A, 0, 6, 0
sfx_door:   .byte $3C, $0D, 0, 6, $3A, $0E, 0, 6, $38, $0F, 0, 10, 0

tunes:
    .word 0, 0
    .word tune_meadow, bass_meadow
    .word tune_cellar, bass_cellar
    .word tune_duel, bass_duel

tune_meadow:
    .byte 32, 16, 34, 8, 36, 8, 39, 16, 36, 8, 39, 8, 41, 16, 39, 8
    .byte 36, 8, 34, 16, 0, 16, 32, 16, 34, 8, 36, 8, 39, 16, 41, 8
    .byte 44, 8, 43, 16, 41, 8, 39, 8, 41, 16, 0, 16, 37, 16, 41, 8
    .byte 44, 8, 36, 16, 39, 8, 44, 8, 34, 16, 37, 8, 41, 8, 39, 32
    .byte 41, 8, 39, 8, 37, 8, 36, 8, 34, 16, 36, 8, 37, 8, 36, 16
    .byte 34, 16, 32, 16, 0, 16
    .byte $FF
bass_meadow:
    .byte 8, 16, 15, 16, 8, 16, 15, 16, 13, 16, 20, 16, 15, 16, 10, 16
    .byte 8, 16, 15, 16, 8, 16, 12, 16, 13, 16, 20, 16, 13, 16, 15, 16
    .byte 13, 16, 20, 16, 8, 16, 15, 16, 10, 16, 17, 16, 15, 16, 10, 16
    .byte 13, 16, 20, 16, 10, 16, 13, 16, 15, 16, 10, 16, 8, 16, 8, 16
    .byte $FF
tune_cellar:
    .byte 29, 16, 0, 8, 32, 8, 31, 16, 0, 16, 29, 16, 0, 8, 36, 8
    .byte 35, 16, 0, 16, 29, 16, 0, 8, 32, 8, 34, 16, 32, 16, 31, 16
    .byte 27, 16, 29, 32, 32, 16, 0, 8, 36, 8, 34, 16, 0, 16, 37, 16
    .byte 36, 16, 34, 16, 31, 16, 32, 16, 0, 8, 29, 8, 31, 16, 28, 16
    .byte 29, 32, 0, 32
    .byte $FF
bass_cellar:
    .byte 5, 16, 0, 16, 5, 8, 5, 8, 0, 16, 8, 16, 0, 16, 7, 16
    .byte 0, 16, 5, 16, 0, 16, 13, 16, 0, 16, 12, 16, 0, 16, 5, 16
    .byte 0, 16, 5, 16, 0, 16, 10, 8, 10, 8, 0, 16, 13, 16, 0, 16
    .byte 12, 16, 0, 16, 5, 16, 0, 16, 12, 16, 0, 16, 5, 16, 0, 16
    .byte 5, 8, 5, 8, 0, 16
    .byte $FF
tune_duel:
    .byte 34, 8, 34, 8, 37, 8, 34, 8, 41, 8, 39, 8, 37, 8, 39, 8
    .byte 34, 8, 34, 8, 37, 8, 41, 8, 44, 8, 41, 8, 39, 8, 37, 8
    .byte 30, 8, 30, 8, 34, 8, 30, 8, 37, 8, 36, 8, 34, 8, 32, 8
    .byte 29, 8, 33, 8, 36, 8, 39, 8, 37, 8, 36, 8, 34, 8, 0, 8
    .byte $FF
bass_duel:
    .byte 10, 8, 10, 8, 0, 8, 10, 8, 10, 8, 0, 8, 10, 8, 8, 8
    .byte 10, 8, 10, 8, 0, 8, 10, 8, 13, 8, 0, 8, 8, 8, 10, 8
    .byte 6, 8, 6, 8, 0, 8, 6, 8, 6, 8, 0, 8, 8, 8, 8, 8
    .byte 5, 8, 5, 8, 0, 8, 5, 8, 10, 8, 0, 8, 10, 8, 10, 8
    .byte $FF
