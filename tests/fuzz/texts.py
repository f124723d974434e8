"""Small files of the kinds that strangers publish, to be changed at random; written for this, and each can be used."""

DESIGNS = (
    'okhv = "OKH-LOSHv1.0"\nname = "Bracket"\nversion = "1"\nlicense = "CERN-OHL-S-2.0"\n'
    '[[part]]\nname = "arm"\ntsdc = "3DP"\nmaterial = "PLA"\n[part.mass]\nvalue = 12\nunit = "g"\n'
    '[part.outer-dimensions]\nopenSCAD = "cube(size = [10, 20, 5])"\nunit = "mm"\n',
    "title: Bracket\nversion: 1\nlicense:\n  hardware: CERN-OHL-S\nokh-manifest-version: 1.0.0\n"
    "parts:\n  - name: arm\n    material: PLA\n    manufacturing-processes: [3DP]\n",
    '{"okhv": "1.0", "name": "Bracket", "version": "1", "part": [{"name": "arm", "tsdc": ["3DP"], "mass": 3}]}',
)
FACILITIES = (
    "name: Valley Works\nlocation:\n  gps_coordinates: 47.85, 16.05\nfacility_status: active\nequipment:\n"
    "  - equipment_type: 3D printer\n    make: own\n    build_volume: 200 x 200 x 180 mm\n",
    '{"name": "Valley Works", "equipment": [{"equipment_type": "CNC router", "x_travel": 600, "quantity": 1}]}',
)
SNIPPETS = (
    "cube([10, 20.5, 5]);",
    "cube(size = [10, 20, 5], center = true);",
    "cube(7)",
    "cylinder(h = 10, r = 4);",
    "cylinder(h=10, d1=4, d2=6.5, $fn=50)",
    "sphere(r = 3);",
    "sphere(d=.5)",
)
