// The instructions of AMX under the names that convolution_tiles.h uses; which one multiplies is the including file's.

#define tile_configure _tile_loadconfig
#define tile_release _tile_release
#define tile_zero _tile_zero
#define tile_load _tile_loadd
#define tile_store _tile_stored
