; The level around the screen: columns come from the level's text into level_map and onto the nametables.

; What is at a place of the level. In: tx_hi, tx_lo, ty. Out: A = metatile, Y = its offset in (tile_ptr).
; Above the level the top row counts on upwards; below it there is nothing.
tile_at:
    lda ty
    cmp #240
    bcs @nothing
    sec
    sbc #32
    bcs :+
    lda #0
:   and #$F0
    sta tile_ptr
    lda tx_lo
    lsr a
    lsr a
    lsr a
    lsr a
    ora tile_ptr
    tay
    lda tx_hi
    and #1
    tax
    lda page_lo, x
    sta tile_ptr
    lda page_hi, x
    sta tile_ptr + 1
    lda (tile_ptr), y
    rts
@nothing:
    ldy #$FF
    lda #MT_EMPTY
    rts

; The same, as a class.
class_at:
    jsr tile_at
    tax
    lda mt_class, x
    rts

; Whether the place is solid. Out: C set if it is.
solid_at:
    jsr class_at
is_solid:
    cmp #CLASS_SOLID
    beq @yes
    cmp #CLASS_BONUS
    beq @yes
    cmp #CLASS_DOOR
    beq @yes
    clc
    rts
@yes:
    sec
    rts

page_lo: .byte <level_map, <(level_map + 208)
page_hi: .byte >level_map, >(level_map + 208)

; Bit X of a byte.
bit_mask: .byte 1, 2, 4, 8, 16, 32, 64, 128

; Column number in A -> X = byte, A = bit of a bitmap.
column_bit:
    pha
    and #7
    tay
    pla
    lsr a
    lsr a
    lsr a
    tax
    lda bit_mask, y
    rts

; Bring column A of the level into level_map and get its tiles ready for the next vertical blank.
load_column:
    sta tmp7
    jsr column_bit
    sta tmp6
    lda taken_columns, x
    and tmp6
    sta tmp5                            ; not 0: the embers here are gone
    lda spawned_columns, x
    and tmp6
    sta tmp4                            ; not 0: the objects here have appeared
    lda spawned_columns, x
    ora tmp6
    sta spawned_columns, x
    ; ptr0 -> top cell of the column in the level's text: 13 rows of 32 per section
    lda tmp7
    lsr a
    lsr a
    lsr a
    lsr a
    and #%11111110
    tay
    lda tmp7
    and #31
    clc
    adc (level_ptr), y
    sta ptr0
    iny
    lda (level_ptr), y
    adc #0
    sta ptr0 + 1
    lda tmp7
    jsr map_column                      ; ptr1 -> column in level_map, ptr2 -> column of the backdrop
    lda #0
    sta tmp3                            ; the cell above
    sta tmp2                            ; row
@row:
    ldy #0
    lda (ptr0), y
    cmp #FIRST_SPAWN
    bcc @no_spawn
    ldx tmp4
    bne @appeared
    jsr spawn
@appeared:
    lda #MT_EMPTY
@no_spawn:
    cmp #MT_FILL
    bne @not_fill
    ldx tmp3
    cpx #MT_FILL
    beq @keep
    cpx #MT_TOP
    beq @keep
    lda #MT_TOP
    bne @keep
@not_fill:
    cmp #MT_EMBER
    beq @maybe_taken
    cmp #MT_KEY
    beq @key
    cmp #MT_DOOR_T
    beq @door
    cmp #MT_DOOR_B
    beq @door
    cmp #MT_BONUS
    bne @keep
    ldx tmp5
    beq @keep
    lda #MT_USED
    bne @keep
@key:
    ldx has_key
    beq @keep
    lda #MT_EMPTY
    beq @keep
@door:
    ldx door_open
    beq @keep
    clc
    adc #MT_OPEN_T - MT_DOOR_T
    bne @keep
@maybe_taken:
    ldx tmp5
    beq @keep
    lda #MT_EMPTY
@keep:
    ldy #0
    sta (ptr1), y
    sta tmp3
    cmp #MT_EMPTY
    bne @drawn
    lda (ptr2), y
@drawn:
    ldx tmp2
    sta col_mts, x
    jsr next_row
    inc tmp2
    lda tmp2
    cmp #13
    bne @row
    jmp draw_column

; ptr0 and ptr2 one row of 32 on, ptr1 one row of 16 on.
next_row:
    clc
    lda ptr0
    adc #32
    sta ptr0
    bcc :+
    inc ptr0 + 1
    clc
:   lda ptr2
    adc #32
    sta ptr2
    bcc :+
    inc ptr2 + 1
    clc
:   lda ptr1
    adc #16
    sta ptr1
    bcc :+
    inc ptr1 + 1
:   rts

; Column A of the level -> ptr1 in level_map, ptr2 in the backdrop.
map_column:
    pha
    and #31
    clc
    adc backdrop_ptr
    sta ptr2
    lda backdrop_ptr + 1
    adc #0
    sta ptr2 + 1
    pla
    pha
    and #16
    lsr a
    lsr a
    lsr a
    lsr a
    tax
    pla
    and #15
    clc
    adc page_lo, x
    sta ptr1
    lda page_hi, x
    adc #0
    sta ptr1 + 1
    rts

; Turn col_mts (column tmp7) into tiles and attributes for the nametables.
draw_column:
    ldx #0
    ldy #0
@tiles:
    sty tmp2
    ldy col_mts, x
    lda mt_tile, y
    beq @blank
    ldy tmp2
    sta col_buf, y
    clc
    adc #1
    sta col_buf + 26, y
    adc #1
    sta col_buf + 1, y
    adc #1
    sta col_buf + 27, y
@next:
    iny
    iny
    inx
    cpx #13
    bne @tiles
    lda tmp7
    and #16
    lsr a
    lsr a
    ora #$20
    sta col_addr_hi
    ora #$03
    sta attr_addr_hi
    lda tmp7
    and #15
    asl a
    ora #$80
    sta col_addr_lo
    lda tmp7
    and #14
    lsr a
    ora #$C8
    sta attr_addr_lo
    ; attributes: this column and its partner, two rows at a time
    lda tmp7
    and #$FE
    jsr map_column
    ldx #0
@attributes:
    stx tmp2
    jsr attribute_byte
    ldx tmp2
    sta col_attr, x
    jsr next_row
    jsr next_row
    ldx tmp2
    inx
    cpx #7
    bne @attributes
    lda #1
    sta col_pending
    rts
@blank:
    ldy tmp2
    sta col_buf, y
    sta col_buf + 26, y
    sta col_buf + 1, y
    sta col_buf + 27, y
    jmp @next

; The attribute byte of the four metatiles at (ptr1), with (ptr2) at the same place of the backdrop. Row pair in tmp2.
attribute_byte:
    lda tmp2
    cmp #6
    beq @one_row
    ldy #17
    jsr palette_there
    asl a
    asl a
    sta tmp3
    ldy #16
    jsr palette_there
    ora tmp3
    asl a
    asl a
    sta tmp3
    jmp @upper
@one_row:
    lda #0
    sta tmp3
@upper:
    ldy #1
    jsr palette_there
    ora tmp3
    asl a
    asl a
    sta tmp3
    ldy #0
    jsr palette_there
    ora tmp3
    rts

; The palette of the metatile at (ptr1) + Y; Y is 0, 1, 16 or 17.
palette_there:
    lda (ptr1), y
    bne :+
    cpy #16
    bcc @backdrop
    tya
    adc #15                             ; carry is set: + 16, the backdrop's rows are 32 long
    tay
@backdrop:
    lda (ptr2), y
:   tax
    lda mt_palette, x
    rts

; Put metatile A at the place that tile_at found (tx_hi, tx_lo, ty), in level_map and on the screen.
set_metatile:
    sta tmp0
    jsr tile_at
    cpy #$FF
    jeq @done
    lda tmp0
    sta (tile_ptr), y
    bne @drawn
    ; the backdrop shows: row * 32 + column
    jsr backdrop_here
@drawn:
    tax
    lda mt_tile, x
    sta tmp1
    ; address of its upper left tile: $2000 + nametable + row * 64 + column * 2
    lda ty
    and #$F0
    sta tmp3                            ; 16 * (row + 2)
    lda #0
    asl tmp3
    rol a
    asl tmp3
    rol a                               ; A:tmp3 = 64 * (row + 2)
    sta tmp2
    lda tx_hi
    and #1
    asl a
    asl a
    ora tmp2
    ora #$20
    sta tmp2
    lda tx_lo
    lsr a
    lsr a
    lsr a
    and #$1E
    ora tmp3
    sta tmp3
    jsr @two_tiles
    lda tmp3
    clc
    adc #32
    sta tmp3
    bcc :+
    inc tmp2
:   jsr @two_tiles
    ; the attribute byte around it
    lda ty
    sec
    sbc #32
    and #$E0
    sta tmp4                            ; 16 * upper row
    lda tx_lo
    lsr a
    lsr a
    lsr a
    lsr a
    and #$0E
    ora tmp4
    clc
    ldx tx_hi
    pha
    txa
    and #1
    tax
    pla
    adc page_lo, x
    sta ptr1
    lda page_hi, x
    adc #0
    sta ptr1 + 1
    lda ty
    pha
    sec
    sbc #32
    and #$E0
    clc
    adc #32
    sta ty
    lda tx_lo
    pha
    and #$E0
    sta tx_lo
    jsr backdrop_offset
    pla
    sta tx_lo
    pla
    sta ty
    lda tmp4
    lsr a
    lsr a
    lsr a
    lsr a
    lsr a
    sta tmp2
    jsr attribute_byte
    pha
    ldx vram_next
    lda #1
    sta vram_buf, x
    lda tx_hi
    and #1
    asl a
    asl a
    ora #$23
    sta vram_buf + 1, x
    lda tmp2
    asl a
    asl a
    asl a
    ora #$C0
    clc
    adc #8
    sta tmp3
    lda tx_lo
    lsr a
    lsr a
    lsr a
    lsr a
    lsr a
    ora tmp3
    sta vram_buf + 2, x
    pla
    sta vram_buf + 3, x
    lda #0
    sta vram_buf + 4, x
    inx
    inx
    inx
    inx
    stx vram_next
@done:
    rts
@two_tiles:
    ldx vram_next
    lda #2
    sta vram_buf, x
    lda tmp2
    sta vram_buf + 1, x
    lda tmp3
    sta vram_buf + 2, x
    lda tmp1
    sta vram_buf + 3, x
    beq :+
    clc
    adc #1
:   sta vram_buf + 4, x
    beq :+
    adc #1
:   sta tmp1
    lda #0
    sta vram_buf + 5, x
    txa
    clc
    adc #5
    sta vram_next
    rts

; ptr2 -> the backdrop's cell at tx, ty; A = it.
backdrop_here:
    jsr backdrop_offset
    ldy #0
    lda (ptr2), y
    rts

backdrop_offset:
    lda #0
    sta ptr2 + 1
    lda ty
    sec
    sbc #32
    and #$F0
    asl a
    rol ptr2 + 1                        ; 32 * row
    sta ptr2
    lda tx_lo
    lsr a
    lsr a
    lsr a
    lsr a
    ora ptr2
    sta ptr2
    lda tx_hi
    and #1
    beq :+
    lda #16
:   ora ptr2
    clc
    adc backdrop_ptr
    sta ptr2
    lda ptr2 + 1
    adc backdrop_ptr + 1
    sta ptr2 + 1
    rts

; Load at most one column that has come near the screen.
stream_columns:
    lda scroll_lo
    sta tmp0
    lda scroll_hi
    .repeat 4
        asl tmp0
        rol a
    .endrepeat
    sta tmp1                            ; first column on the screen
    clc
    adc #20
    bcs @last
    cmp level_columns
    bcc :+
@last:
    lda level_columns
    sec
    sbc #1
:   cmp col_right
    beq @left
    bcc @left
    inc col_right
    lda col_right
    sec
    sbc #31
    bcc :+
    cmp col_left
    bcc :+
    sta col_left
:   lda col_right
    jmp load_column
@left:
    lda level_two_way
    beq @done
    lda tmp1
    sec
    sbc #5
    bcs :+
    lda #0
:   cmp col_left
    bcs @done
    dec col_left
    lda col_left
    clc
    adc #31
    cmp col_right
    bcs :+
    sta col_right
:   lda col_left
    jmp load_column
@done:
    rts
