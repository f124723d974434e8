// Hook of the tool rail. All lengths in millimetres. CC0-1.0.
board = 12;       // thickness of the rail
play = 0.4;       // so that the clip slides on
wall = 4;         // thickness of the clip
clip = 25;        // how far the clip reaches down behind the rail
drop = 50;        // how far the arm hangs below the rail's upper edge
reach = 50;       // from the back of the clip to the tip
arm = 6;          // thickness of arm and tip
tip = 20;         // height of the tip
width = 20;

front = wall + board + play;

linear_extrude(height = width)
    polygon([
        [0, -clip], [wall, -clip], [wall, 0], [front, 0], [front, -drop], [reach, -drop],
        [reach, tip - drop], [reach - arm, tip - drop], [reach - arm, arm - drop],
        [front + wall, arm - drop], [front + wall, wall], [0, wall],
    ]);
