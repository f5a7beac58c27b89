// The one header through which Swift sees FFmpeg: its libraries, and the macros that the importer cannot read.
#pragma once
#include <libavcodec/avcodec.h>
#include <libavdevice/avdevice.h>
#include <libavformat/avformat.h>
#include <libavutil/audio_fifo.h>
#include <libavutil/display.h>
#include <libavutil/error.h>
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libavutil/sha.h>
#include <libswresample/swresample.h>
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

// How many frames of its index a stream shows; those that an edit list hides are marked in it.
static inline int64_t ff_shown_frames(AVStream *_Nonnull stream) {
  int64_t shown = 0;
  const int count = avformat_index_get_entries_count(stream);
  for (int i = 0; i < count; i++) {
    const AVIndexEntry *entry = avformat_index_get_entry(stream, i);
    shown += entry && !(entry->flags & AVINDEX_DISCARD_FRAME);
  }
  return shown;
}

// A context of libswscale is opaque up to FFmpeg 7 and a structure since, and its flags are an enumeration since: Swift sees these.
typedef struct SwsContext *ff_scaler;
static const int ff_area = SWS_AREA, ff_bilinear = SWS_BILINEAR, ff_bicubic = SWS_BICUBIC;
static const int ff_accurate_rounding = SWS_ACCURATE_RND, ff_full_chroma = SWS_FULL_CHR_H_INT;

// sws_scale between two frames; the arrays of planes need no copy in Swift this way.
static inline int ff_scale(ff_scaler _Nonnull context, const AVFrame *_Nonnull from, AVFrame *_Nonnull to) {
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

// The first `count` samples of a frame into a queue, and from there; their arrays of planes are of other types from version to
// version.
static inline int ff_queue(AVAudioFifo *_Nonnull queue, AVFrame *_Nonnull frame, int count) {
  return av_audio_fifo_write(queue, (void **)frame->extended_data, count);
}
static inline int ff_unqueue(AVAudioFifo *_Nonnull queue, AVFrame *_Nonnull frame, int count) {
  return av_audio_fifo_read(queue, (void **)frame->extended_data, count);
}

// Nothing to be heard from sample `first` of a frame on.
static inline void ff_silence(AVFrame *_Nonnull frame, int first) {
  av_samples_set_silence(
      frame->extended_data, first, frame->nb_samples - first, frame->ch_layout.nb_channels, (enum AVSampleFormat)frame->format);
}

// FFmpeg's complaints, a line at a time. In C, since on arm64 `va_list` is a structure, and Swift (6.2, 6.3) crashes when it makes a
// callback that takes one.
typedef void (*ff_log_reader)(const char *_Nonnull line);
static inline ff_log_reader _Nullable *_Nonnull ff_log_reader_kept(void) {
  static ff_log_reader _Nullable reader;
  return &reader;
}
static inline void ff_read_complaint(void *_Nullable context, int level, const char *_Nullable format, va_list arguments) {
  const ff_log_reader read = *ff_log_reader_kept();
  if (level > AV_LOG_ERROR || !format || !read) return;
  char line[512];
  int prefix = 1;
  av_log_format_line2(context, level, format, arguments, line, sizeof line, &prefix);
  read(line);
}
static inline void ff_log_to(ff_log_reader _Nonnull reader) {
  *ff_log_reader_kept() = reader;
  av_log_set_level(AV_LOG_ERROR);
  av_log_set_callback(ff_read_complaint);
}

#ifdef __linux__
#include <fcntl.h>
#include <linux/videodev2.h>
// Declared here, since a module that includes <sys/ioctl.h> would claim its types, `winsize` among them, as its own.
int ioctl(int descriptor, unsigned long request, ...);
#include <unistd.h>

// Format `index` of the camera open as `descriptor`: its FOURCC into `name` (5 bytes), its description into `text` (33 bytes).
static inline int ff_camera_format(int descriptor, unsigned index, char *_Nonnull name, char *_Nonnull text) {
  struct v4l2_fmtdesc format = {.index = index, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
  if (ioctl(descriptor, VIDIOC_ENUM_FMT, &format) < 0) return 0;
  for (int i = 0; i < 4; i++) name[i] = (char)(format.pixelformat >> (8 * i) & 0x7F);
  name[4] = 0;
  for (int i = 0; i < 32; i++) text[i] = (char)format.description[i];
  text[32] = 0;
  return 1;
}

// Size `index` of a format given by its FOURCC; 0 when there are no more, 2 for a range (its largest size is given).
static inline int ff_camera_size(
    int descriptor, const char *_Nonnull name, unsigned index, unsigned *_Nonnull width, unsigned *_Nonnull height) {
  struct v4l2_frmsizeenum size = {
    .index = index, .pixel_format = v4l2_fourcc((unsigned char)name[0], (unsigned char)name[1], (unsigned char)name[2], (unsigned char)name[3])};
  if (ioctl(descriptor, VIDIOC_ENUM_FRAMESIZES, &size) < 0) return 0;
  if (size.type == V4L2_FRMSIZE_TYPE_DISCRETE) {
    *width = size.discrete.width;
    *height = size.discrete.height;
    return 1;
  }
  *width = size.stepwise.max_width;
  *height = size.stepwise.max_height;
  return 2;
}

// Whether the device open as `descriptor` is a camera, and not one of its other channels.
static inline int ff_camera_captures(int descriptor) {
  struct v4l2_capability it = {.device_caps = 0};
  if (ioctl(descriptor, VIDIOC_QUERYCAP, &it) < 0) return 0;
  const unsigned capabilities = it.capabilities & V4L2_CAP_DEVICE_CAPS ? it.device_caps : it.capabilities;
  return (capabilities & (V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_VIDEO_CAPTURE_MPLANE)) != 0;
}

// Rate `index` of a format at a size, in pictures per second; 0 when there are no more, 2 for a range (the largest is given).
static inline int ff_camera_rate(
    int descriptor, const char *_Nonnull name, unsigned width, unsigned height, unsigned index, double *_Nonnull rate) {
  struct v4l2_frmivalenum it = {
    .index = index, .width = width, .height = height,
    .pixel_format = v4l2_fourcc((unsigned char)name[0], (unsigned char)name[1], (unsigned char)name[2], (unsigned char)name[3])};
  if (ioctl(descriptor, VIDIOC_ENUM_FRAMEINTERVALS, &it) < 0) return 0;
  const struct v4l2_fract least = it.type == V4L2_FRMIVAL_TYPE_DISCRETE ? it.discrete : it.stepwise.min;
  if (!least.numerator) return 0;
  *rate = (double)least.denominator / least.numerator;
  return it.type == V4L2_FRMIVAL_TYPE_DISCRETE ? 1 : 2;
}
#endif
