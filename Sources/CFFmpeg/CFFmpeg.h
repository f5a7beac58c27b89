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
static const int ff_key_frame_flag = AV_PKT_FLAG_KEY;

// The display matrix of a stream (9 numbers), or NULL. It moved in FFmpeg 6.1.
static inline const int32_t *_Nullable ff_stream_display_matrix(const AVStream *_Nonnull stream) {
#if LIBAVFORMAT_VERSION_INT >= AV_VERSION_INT(60, 15, 100)
  const AVPacketSideData *data = av_packet_side_data_get(
      stream->codecpar->coded_side_data, stream->codecpar->nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX);
  return data && data->size >= 36 ? (const int32_t *)data->data : NULL;
#else
  size_t size = 0;
  const uint8_t *data = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
  return data && size >= 36 ? (const int32_t *)data : NULL;
#endif
}

static inline const int32_t *_Nullable ff_frame_display_matrix(const AVFrame *_Nonnull frame) {
  const AVFrameSideData *data = av_frame_get_side_data(frame, AV_FRAME_DATA_DISPLAYMATRIX);
  return data && data->size >= 36 ? (const int32_t *)data->data : NULL;
}

// sws_scale between two frames; the arrays of planes need no copy in Swift this way.
static inline int ff_scale(struct SwsContext *_Nonnull context, const AVFrame *_Nonnull from, AVFrame *_Nonnull to) {
  return sws_scale(context, (const uint8_t *const *)from->data, from->linesize, 0, from->height, to->data, to->linesize);
}

// How long a frame is shown, in its stream's time base; 0 if unknown. The field was renamed in FFmpeg 6.0.
static inline int64_t ff_frame_duration(const AVFrame *_Nonnull frame) {
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(57, 30, 100)
  return frame->duration;
#else
  return frame->pkt_duration;
#endif
}
