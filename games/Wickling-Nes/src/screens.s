; The screens around the levels: title, the card before a level, game over, the ending.

; --- title -----------------------------------------------------------------------------------------------------------

start_title:
    jsr screen_off
    lda #0
    jsr start_music
    lda #0
    sta player_state
    sta level_number
    jsr clear_objects
    jsr load_level                      ; the first level is the scenery
    lda #$20                            ; no clouds behind the name
    sta PPUADDR
    lda #$80
    sta PPUADDR
    lda #0
    tax
:   sta PPUDATA
    inx
    bne :-
    lda #$23                            ; the name has the colours of fire
    sta PPUADDR
    lda #$C8
    sta PPUADDR
    lda #%10101010
    ldx #16
:   sta PPUDATA
    dex
    bne :-
    print logo_1
    print logo_2
    print logo_3
    print logo_4
    print logo_5
    print title_start
    print title_duel_cpu
    print title_duel_two
    print title_help
    lda #MODE_TITLE
    sta mode
    lda #0
    sta menu_choice
    sta menu_level
    sta mode_timer
    jsr show_menu_level
    jmp screen_on

logo_1: .byte $20, $C0, "  =   = =  == = = =  = ==   ==  ", $FF
logo_2: .byte $20, $E0, "  =   = = =   = = =  = = = =    ", $FF
logo_3: .byte $21, $00, "  = = = = =   ==  =  = = = = =  ", $FF
logo_4: .byte $21, $20, "  == == = =   = = =  = = = = =  ", $FF
logo_5: .byte $21, $40, "  =   = =  == = = == = = =  ==  ", $FF
title_start:    .byte $21, $CA, "ADVENTURE  1-1", $FF
title_duel_cpu: .byte $22, $0A, "DUEL  1 PLAYER", $FF
title_duel_two: .byte $22, $4A, "DUEL  2 PLAYERS", $FF
title_help:     .byte $20, $67, "A CANDLE'S JOURNEY", $FF

title_frame:
    lda pad_pressed
    and #BUTTON_DOWN | BUTTON_SELECT
    beq :+
    ldx menu_choice
    inx
    cpx #3
    bcc @choose
    ldx #0
    beq @choose
:   lda pad_pressed
    and #BUTTON_UP
    beq :+
    ldx menu_choice
    dex
    bpl @choose
    ldx #2
@choose:
    stx menu_choice
    play_sfx SFX_SELECT
:   lda menu_choice
    bne @level_chosen
    ldx menu_level
    lda pad_pressed
    and #BUTTON_RIGHT
    beq :+
    inx
:   lda pad_pressed
    and #BUTTON_LEFT
    beq :+
    dex
:   cpx menu_level
    beq @level_chosen
    txa
    and #3
    sta menu_level
    jsr show_menu_level
    play_sfx SFX_SELECT
@level_chosen:
    lda pad_pressed
    and #BUTTON_START | BUTTON_A
    bne @begin
    ; the cursor, and the candle on the hill
    lda menu_choice
    asl a
    asl a
    asl a
    asl a
    clc
    adc #111
    sta ty
    lda #0
    sta tmp2
    ldx oam_next
    lda ty
    sta oam, x
    lda #S_CURSOR
    sta oam + 1, x
    lda #0
    sta oam + 2, x
    lda #66
    sta oam + 3, x
    inx
    inx
    inx
    inx
    stx oam_next
    jsr animate
    jmp draw_player
@begin:
    lda #0
    sta has_key
    sta door_open
    sta checkpoint_col
    sta coins
    sta coin_digits
    sta coin_digits + 1
    ldx #5
:   sta score, x
    dex
    bpl :-
    lda #2
    sta lives
    lda menu_choice
    jne start_duel
    lda menu_level
    sta level_number
    jmp start_card

; The number of the level on the menu.
show_menu_level:
    ldx vram_next
    lda #3
    sta vram_buf, x
    lda #$21
    sta vram_buf + 1, x
    lda #$D5
    sta vram_buf + 2, x
    ldy menu_level
    lda level_world, y
    clc
    adc #$11
    sta vram_buf + 3, x
    lda #$0D
    sta vram_buf + 4, x
    lda level_stage, y
    clc
    adc #$11
    sta vram_buf + 5, x
    lda #0
    sta vram_buf + 6, x
    txa
    clc
    adc #6
    sta vram_next
    rts

level_world: .byte 0, 0, 0, 1
level_stage: .byte 0, 1, 2, 0

; --- the card before a level -----------------------------------------------------------------------------------------

CARD_FRAMES = 40

start_card:
    jsr screen_off
    lda #0
    jsr start_music
    jsr clear_picture
    ldy level_number
    lda level_world, y
    sta world
    lda level_stage, y
    sta stage
    lda #<dark_palette
    sta ptr0
    lda #>dark_palette
    sta ptr0 + 1
    jsr set_palette
    print card_text
    lda #$21
    sta PPUADDR
    lda #$92
    sta PPUADDR
    lda world
    clc
    adc #$11
    sta PPUDATA
    lda #$0D
    sta PPUDATA
    lda stage
    clc
    adc #$11
    sta PPUDATA
    lda #$21
    sta PPUADDR
    lda #$F2
    sta PPUADDR
    lda lives
    clc
    adc #$11
    sta PPUDATA
    ldy level_number
    lda level_names_low, y
    sta ptr0
    lda level_names_high, y
    sta ptr0 + 1
    jsr print_text
    lda #0
    sta scroll_hi
    sta scroll_lo
    lda #CARD_FRAMES
    sta mode_timer
    lda #MODE_CARD
    sta mode
    jmp screen_on

card_text: .byte $21, $8C, "LEVEL", $FF
name_1: .byte $22, $4A, "DUSK MEADOW", $FF
name_2: .byte $22, $4A, "THE CELLARS", $FF
name_3: .byte $22, $49, "OVER THE ROOFS", $FF
name_4: .byte $22, $4A, "LOCKED KEEP", $FF
.define LEVEL_NAMES name_1, name_2, name_3, name_4
level_names_low:  .lobytes LEVEL_NAMES
level_names_high: .hibytes LEVEL_NAMES

card_frame:
    lda #108
    sta ty
    lda #112
    sta tmp0
    lda #0
    sta tmp1
    sta tmp2
    jsr draw_candle_here
    dec mode_timer
    beq :+
    rts
:   jmp start_level

; --- game over and the ending ----------------------------------------------------------------------------------------

start_game_over:
    jsr screen_off
    lda #0
    jsr start_music
    jsr clear_picture
    lda #<dark_palette
    sta ptr0
    lda #>dark_palette
    sta ptr0 + 1
    jsr set_palette
    print over_text
    lda #0
    sta scroll_hi
    sta scroll_lo
    sta player_state
    lda #180
    sta mode_timer
    lda #MODE_GAME_OVER
    sta mode
    jmp screen_on

over_text: .byte $21, $CB, "GAME OVER", $FF

over_frame:
    dec mode_timer
    beq :+
    lda pad_pressed
    and #BUTTON_START
    bne :+
    rts
:   jmp start_title

start_ending:
    jsr screen_off
    lda #0
    jsr clear_picture
    lda #<dark_palette
    sta ptr0
    lda #>dark_palette
    sta ptr0 + 1
    jsr set_palette
    print ending_1
    print ending_2
    print ending_3
    lda #0
    sta scroll_hi
    sta scroll_lo
    sta player_state
    lda #MODE_ENDING
    sta mode
    lda #1
    jsr start_music
    jmp screen_on

ending_1: .byte $21, $46, "EVERY BEACON IS LIT!", $FF
ending_2: .byte $21, $A5, "THANK YOU FOR PLAYING", $FF
ending_3: .byte $22, $CA, "PRESS START", $FF

ending_frame:
    inc anim_counter
    lda #132
    sta ty
    lda #120
    sta tmp0
    lda #0
    sta tmp1
    sta tmp2
    jsr draw_candle_here
    lda pad_pressed
    and #BUTTON_START
    bne :+
    rts
:   jmp start_title
