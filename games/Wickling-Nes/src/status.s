; The status bar, the score and the timer.
;
; Row 2 has the names; row 3 the numbers on a line, on which the picture is split. Televisions, and some emulators, do
; not show row 0.

    screen_letters

    bar_letters
status_text: .byte $20, $42, "SCORE", $FF
status_more: .byte $20, $54, "LEVEL TIME", $FF
    screen_letters
status_line: .byte $20, $60, "###############################&", $FF     ; sprite 0 meets its end
status_line_2: .byte $24, $60, "################################", $FF

; While the screen is off.
draw_status_bar:
    print status_text
    print status_more
    print status_line
    print status_line_2                 ; the split may come a line early
    lda #1
    sta status_dirty
    rts

; Leave the numbers for the next vertical blank; not in one that brings a column, to stay within it.
update_status:
    lda status_dirty
    jeq @done
    lda col_pending
    jne @done
    sta status_dirty
    ldx vram_next
    lda #28
    sta vram_buf, x
    lda #$20
    sta vram_buf + 1, x
    lda #$62
    sta vram_buf + 2, x
    ldy #0
:   lda score, y
    ora #BAR_0
    sta vram_buf + 3, x
    inx
    iny
    cpy #6
    bne :-
    lda #BAR_EMPTY
    .repeat 22, I
        sta vram_buf + 3 + I, x
    .endrepeat
    lda #BAR_CANDLE                     ; a candle for every try that is left, this one included
    sta vram_buf + 3 + 2, x
    lda lives
    clc
    adc #BAR_0 + 1
    sta vram_buf + 3 + 3, x
    lda #BAR_EMBER                      ; embers
    sta vram_buf + 3 + 6, x
    lda coin_digits
    ora #BAR_0
    sta vram_buf + 3 + 7, x
    lda coin_digits + 1
    ora #BAR_0
    sta vram_buf + 3 + 8, x
    lda world
    clc
    adc #BAR_0 + 1
    sta vram_buf + 3 + 13, x
    lda #BAR_DASH
    sta vram_buf + 3 + 14, x
    lda stage
    clc
    adc #BAR_0 + 1
    sta vram_buf + 3 + 15, x
    lda timer
    ora #BAR_0
    sta vram_buf + 3 + 19, x
    lda timer + 1
    lsr a
    lsr a
    lsr a
    lsr a
    ora #BAR_0
    sta vram_buf + 3 + 20, x
    lda timer + 1
    and #$0F
    ora #BAR_0
    sta vram_buf + 3 + 21, x
    lda has_key
    beq :+
    lda #BAR_KEY
    sta vram_buf + 3 + 10, x
:   lda #0
    sta vram_buf + 3 + 22, x
    txa
    clc
    adc #25
    sta vram_next
@done:
    rts

; Add to the score. In: A = amount (at most 9), X = digit that it counts in (0 hundred thousands ... 5 ones).
add_score:
    clc
    adc score, x
    cmp #10
    bcc @fits
    sbc #10
    sta score, x
    lda #1
    dex
    bpl add_score
    ; beyond 999 999 it stays there
    ldx #5
    lda #9
:   sta score, x
    dex
    bpl :-
    bmi @changed
@fits:
    sta score, x
@changed:
    lda #1
    sta status_dirty
    rts

; An ember: 100 points, and another life for every hundred.
add_ember:
    lda #1
    ldx #3
    jsr add_score
    inc coins
    inc coin_digits + 1
    lda coin_digits + 1
    cmp #10
    bcc @done
    lda #0
    sta coin_digits + 1
    inc coin_digits
    lda coin_digits
    cmp #10
    bcc @done
    lda #0
    sta coin_digits
    sta coins
    lda lives
    cmp #8
    bcs @done
    inc lives
    play_sfx SFX_LIFE
@done:
    rts

; The timer counts down. Out: C set when it is over.
count_time:
    dec timer_frames
    clc
    bne time_runs
    lda #FRAMES_PER_TIME_UNIT
    sta timer_frames
take_time_unit:
    lda #1
    sta status_dirty
    lda timer + 1
    bne @ones
    lda timer
    beq time_over
    dec timer
    lda #$99
    sta timer + 1
    clc
    rts
@ones:
    ; decimal minus one
    sec
    sbc #1
    pha
    and #$0F
    cmp #$0F
    bne :+
    pla
    sec
    sbc #6
    pha
:   pla
    sta timer + 1
    clc
time_runs:
    rts
time_over:
    sec
    rts
