; Level 4: Locked Keep. The key is behind the start.

LEVEL_4_COLUMNS = 96
LEVEL_4_GOAL = 82
LEVEL_4_START = 36

list_4:
    .word level_4_0, level_4_1, level_4_2

level_4_0:
    .byte "H                               "
    .byte "H                               "
    .byte "H                               "
    .byte "H                               "
    .byte "H                               "
    .byte "H                               "
    .byte "H                               "
    .byte "H                               "
    .byte "H                             oo"
    .byte "H     K              H          "
    .byte "H    BB           s  H          "
    .byte "############  ############  ####"
    .byte "############  ############  ####"

level_4_1:
    .byte "                                "
    .byte "                                "
    .byte "                                "
    .byte "                                "
    .byte "                                "
    .byte "                                "
    .byte "                                "
    .byte "                                "
    .byte "o                               "
    .byte "                       []       "
    .byte "                    s  {}  ^^   "
    .byte "############  ##################"
    .byte "############  ##################"

level_4_2:
    .byte "  HH                            "
    .byte "  HH                            "
    .byte "  HH              F             "
    .byte "  HH              |           BB"
    .byte "  HH              |           BB"
    .byte "  HH              |           BB"
    .byte "  HH              |           BB"
    .byte "  HH              |           BB"
    .byte "  HH              |           BB"
    .byte "  D               |           BB"
    .byte "  E               H           BB"
    .byte "########  ######################"
    .byte "########  ######################"
