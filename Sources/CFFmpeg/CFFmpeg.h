// The one header through which Swift sees FFmpeg: its libraries, and the macros that the importer cannot read.
#pragma once
#include <libavcodec/avcodec.h>
#include <libavdevice/avdevice.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>
#include <libavutil/error.h>
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>

static const int64_t ff_nopts_value = AV_NOPTS_VALUE;
static const int ff_error_eof = AVERROR_EOF;
static const int ff_error_invalid_data = AVERROR_INVALIDDATA;
static const int ff_error_exit = AVERROR_EXIT;
static inline int ff_error(int posix) { return AVERROR(posix); }
