// Rail of the tool rail: a board with two screw holes. Millimetres. CC0-1.0.
// parts/rail.dxf is the projection of this, as lines and arcs.
length = 400;
height = 60;
board = 12;
corner = 8;
hole = 5;
inset = 30;
$fn = 96;

linear_extrude(height = board)
    difference() {
        translate([corner, corner]) offset(r = corner) square([length - 2 * corner, height - 2 * corner]);
        for (x = [inset, length - inset]) translate([x, height / 2]) circle(d = hole);
    }
