// Spacer of the tool rail: keeps the 6 mm behind the board that the hooks' clips need. Millimetres. CC0-1.0.
$fn = 48;

difference() {
    cylinder(h = 6, d = 20);
    translate([0, 0, -1]) cylinder(h = 8, d = 5);
}
