// Vectors of 512 bits, of which there are 32: 16 floats each, and 14 pixels by two vectors of sums beside what they are made of.

#define LANES 16
#define TILE 14
#define TILE_CASES \
  CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12) CASE(13) CASE(14)
