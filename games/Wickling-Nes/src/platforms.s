; Moving platforms: four slots, 32 pixels wide. They swing 64 pixels to the right and back, or down and back.

PLATFORM_SWING = 64

update_platforms:
    ldx #NUM_PLATFORMS - 1
@each:
    lda plat_active, x
    jeq @next
    ; more than 128 pixels from the screen it is given up
    lda plat_x_lo, x
    sec
    sbc scroll_lo
    sta tmp0
    lda plat_x_hi, x
    sbc scroll_hi
    tay
    lda tmp0
    clc
    adc #128
    tya
    adc #0
    cmp #2
    bcc :+
    lda #0
    sta plat_active, x
    beq @next
:   lda frame_counter
    and #3
    beq @next                           ; three pixels in four frames
    lda plat_kind, x
    bne @upright
    lda plat_dir, x
    bne @left
    inc plat_x_lo, x
    bne @carry
    inc plat_x_hi, x
    jmp @carry
@left:
    lda plat_x_lo, x
    bne :+
    dec plat_x_hi, x
:   dec plat_x_lo, x
@carry:
    cpx riding
    bne @moved
    lda plat_dir, x
    bne :+
    inc player_x_lo
    bne @moved
    inc player_x_hi
    jmp @moved
:   lda player_x_lo
    bne :+
    dec player_x_hi
:   dec player_x_lo
    jmp @moved
@upright:
    lda plat_dir, x
    bne @up
    inc plat_y, x
    bne @moved
@up:
    dec plat_y, x
@moved:
    inc plat_timer, x
    lda plat_timer, x
    cmp #PLATFORM_SWING
    bne @next
    lda #0
    sta plat_timer, x
    lda plat_dir, x
    eor #1
    sta plat_dir, x
@next:
    dex
    jpl @each
    ; whoever rides goes where the platform goes
    ldx riding
    bmi @done
    lda plat_y, x
    sec
    sbc #24
    sta player_y
@done:
    rts

; Whether the falling player's feet have come onto a platform. tmp7: y before. Out: C.
land_on_platform:
    ldx #NUM_PLATFORMS - 1
@each:
    lda plat_active, x
    beq @next
    ; feet between the platform's top and 7 pixels below, and not lower than 4 below before
    lda player_y
    clc
    adc #24
    sec
    sbc plat_y, x
    cmp #8
    bcs @next
    lda tmp7
    clc
    adc #24
    sec
    sbc plat_y, x
    bcc @above
    cmp #4
    bcs @next
@above:
    ; player x - platform x from -11 to 28
    lda player_x_lo
    sec
    sbc plat_x_lo, x
    sta tmp0
    lda player_x_hi
    sbc plat_x_hi, x
    sta tmp1
    lda tmp0
    clc
    adc #11
    sta tmp0
    lda tmp1
    adc #0
    bne @next
    lda tmp0
    cmp #40
    bcs @next
    stx riding
    lda plat_y, x
    sec
    sbc #24
    sta player_y
    sec
    rts
@next:
    dex
    bpl @each
    lda #$FF
    sta riding
    clc
    rts

draw_platforms:
    ldx #NUM_PLATFORMS - 1
@each:
    stx slot
    lda plat_active, x
    beq @next
    lda plat_y, x
    sec
    sbc #1
    sta ty
    lda #3
    sta tmp2
    lda plat_x_lo, x
    sta tx_lo
    lda plat_x_hi, x
    sta tx_hi
    jsr to_screen
    lda #S_PLATFORM
    jsr draw_strip
    lda tmp0
    clc
    adc #16
    sta tmp0
    bcc :+
    inc tmp1
:   lda #3 | %01000000
    sta tmp2
    lda #S_PLATFORM
    jsr draw_strip
@next:
    ldx slot
    dex
    bpl @each
    rts
