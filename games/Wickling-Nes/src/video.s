; The PPU: what NMI brings over, sprites, and whole pictures while the screen is off.

; In NMI: the column that load_column made.
flush_column:
    lda ppuctrl
    ora #%00000100                      ; down instead of right
    sta PPUCTRL
    lda col_addr_hi
    sta PPUADDR
    ldx col_addr_lo
    stx PPUADDR
    .repeat 26, I
        lda col_buf + I
        sta PPUDATA
    .endrepeat
    lda col_addr_hi
    sta PPUADDR
    inx
    stx PPUADDR
    .repeat 26, I
        lda col_buf + 26 + I
        sta PPUDATA
    .endrepeat
    lda ppuctrl
    sta PPUCTRL
    ldx attr_addr_lo
    ldy attr_addr_hi
    clc
    .repeat 7, I
        sty PPUADDR
        stx PPUADDR
        lda col_attr + I
        sta PPUDATA
        txa
        adc #8
        tax
    .endrepeat
    lda #0
    sta col_pending
    rts

; In NMI: small changes of the picture.
flush_vram:
    ldx #0
@next:
    ldy vram_buf, x
    beq @end
    lda vram_buf + 1, x
    sta PPUADDR
    lda vram_buf + 2, x
    sta PPUADDR
:   lda vram_buf + 3, x
    sta PPUDATA
    inx
    dey
    bne :-
    inx
    inx
    inx
    bne @next
@end:
    sty vram_buf
    sty vram_next
    rts

flush_palette:
    lda #$3F
    sta PPUADDR
    lda #0
    sta PPUADDR
    sta pal_dirty
    tax
:   lda pal_buf, x
    sta PPUDATA
    inx
    cpx #32
    bne :-
    rts

; Set the palette from the 32 bytes at (ptr0).
set_palette:
    ldy #31
:   lda (ptr0), y
    sta pal_buf, y
    dey
    bpl :-
    sty pal_dirty
    rts

; Turn the screen off, so that any amount of the picture can be written. NMI stays away until screen_on.
screen_off:
    lda #0
    sta ppumask
    sta split_on
    sta vram_buf
    sta vram_next
    sta col_pending
    lda loading
    bne @off                            ; it is off since power-on
    jsr hide_all
    lda #1
    sta frame_ready
:   lda frame_ready
    bne :-
    inc loading
@off:
    lda #0
    sta load_frames
    rts

; Turn it on again. Every screen takes the same number of frames to load, whatever the work was.
LOAD_FRAMES = 16
screen_on:
    jsr flush_palette
    jsr hide_all
    lda split_on
    beq :+
    jsr place_split
:   lda #%00011110
    sta ppumask
:   lda load_frames
    cmp #LOAD_FRAMES
    bcc :-
    lda #1
    sta frame_ready
    dec loading
:   lda frame_ready
    bne :-
    lda #4                              ; sprite 0 stays as it is
    sta oam_next
    rts

; Fill both nametables with blanks.
clear_picture:
    lda #$20
    sta PPUADDR
    lda #0
    sta PPUADDR
    tax
    ldy #8
:   sta PPUDATA
    inx
    bne :-
    dey
    bne :-
    rts

; While the screen is off: write the text at (ptr0): address high, low, letters, $FF.
print_text:
    ldy #0
    lda (ptr0), y
    sta PPUADDR
    iny
    lda (ptr0), y
    sta PPUADDR
@next:
    iny
    lda (ptr0), y
    cmp #$FF
    beq @end
    sta PPUDATA
    bne @next
@end:
    rts

.macro print text
    lda #<(text)
    sta ptr0
    lda #>(text)
    sta ptr0 + 1
    jsr print_text
.endmacro

; Take every sprite off the screen.
hide_all:
    lda #0
    sta oam_next
hide_rest:
    ldx oam_next
    lda #$F8
:   sta oam, x
    inx
    inx
    inx
    inx
    bne :-
    rts

; Put sprite 0 where the status bar ends.
place_split:
    lda #23
    sta oam
    lda #S_ZERO
    sta oam + 1
    lda #%00100000
    sta oam + 2
    lda #248
    sta oam + 3
    rts

; A place in the level, tx_hi:tx_lo -> on the screen, tmp1:tmp0.
to_screen:
    lda tx_lo
    sec
    sbc scroll_lo
    sta tmp0
    lda tx_hi
    sbc scroll_hi
    sta tmp1
    rts

; One row of a metasprite: two tiles side by side at x tmp1:tmp0, y = ty. In: A = left tile, tmp2 = attributes.
; Mirrored (bit 6 of the attributes) the tiles change places.
draw_strip:
    sta tmp3
    bit tmp2
    bvc :+
    clc
    adc #1
:   ldx oam_next
    beq @full                           ; all 64 are in use
    ldy tmp1
    bne @second
    sta oam + 1, x
    lda ty
    sta oam, x
    lda tmp2
    sta oam + 2, x
    lda tmp0
    sta oam + 3, x
    inx
    inx
    inx
    inx
    beq @full
@second:
    lda tmp0
    clc
    adc #8
    tay
    lda tmp1
    adc #0
    bne @full
    tya
    sta oam + 3, x
    lda ty
    sta oam, x
    lda tmp2
    sta oam + 2, x
    lda tmp3
    bit tmp2
    bvs :+
    clc
    adc #1
:   sta oam + 1, x
    inx
    inx
    inx
    inx
@full:
    stx oam_next
    rts

; A metasprite of 16 x 16: two strips. In: A = first tile, tmp2 = attributes, tx, ty its place in the level.
draw_16:
    pha
    jsr to_screen
    pla
draw_16_here:
    pha
    jsr draw_strip
    lda ty
    clc
    adc #8
    sta ty
    pla
    clc
    adc #2
    jmp draw_strip
