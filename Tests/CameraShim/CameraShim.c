// Presents a camera, /dev/video9, to the one program that is started with this library in LD_PRELOAD: the calls of
// Video4Linux that FFmpeg's input and `posecam doctor` make are answered here, all others go on to the C library.
//
// CAMERA_SHIM_MJPEG    file of JPEG pictures of one size behind each other, shown in turn; without it there is no MJPEG
// CAMERA_SHIM_WIDTH, CAMERA_SHIM_HEIGHT   the only size (default 320 x 240)
// CAMERA_SHIM_RATE     pictures per second (default 30)
// CAMERA_SHIM_FRAMES   after so many it is unplugged
// CAMERA_SHIM_STALL    after so many no more come, though it stays
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { buffer_count = 6 };
static const char path[] = "/dev/video9";

static struct {
  int descriptor, flags, is_streaming;
  unsigned width, height, format, rate, length;
  unsigned char *memory[buffer_count];
  // Buffers that the program has given, in order.
  unsigned queue[buffer_count], first, queued;
  unsigned long frame;
  struct timespec start;
  unsigned char *jpeg;
  size_t jpeg_size;
} camera = {.descriptor = -1};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static unsigned setting(const char *name, unsigned otherwise) {
  const char *text = getenv(name);
  return text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

static void *next(const char *name) { return dlsym(RTLD_NEXT, name); }

static int open_camera(int flags) {
  int (*real)(const char *, int, ...) = next("open");
  int descriptor = real("/dev/null", O_RDWR | O_CLOEXEC);
  if (descriptor < 0) return -1;
  const char *file = getenv("CAMERA_SHIM_MJPEG");
  if (file && !camera.jpeg) {
    FILE *pictures = fopen(file, "rb");
    if (pictures) {
      fseek(pictures, 0, SEEK_END);
      camera.jpeg_size = (size_t)ftell(pictures);
      rewind(pictures);
      camera.jpeg = malloc(camera.jpeg_size);
      if (!camera.jpeg || fread(camera.jpeg, 1, camera.jpeg_size, pictures) != camera.jpeg_size) camera.jpeg_size = 0;
      fclose(pictures);
    }
  }
  camera.descriptor = descriptor;
  camera.flags = flags;
  camera.is_streaming = 0;
  camera.width = setting("CAMERA_SHIM_WIDTH", 320);
  camera.height = setting("CAMERA_SHIM_HEIGHT", 240);
  camera.rate = setting("CAMERA_SHIM_RATE", 30);
  camera.format = V4L2_PIX_FMT_YUYV;
  camera.frame = 0;
  return descriptor;
}

#define OPEN(name)                                                   \
  int name(const char *file, int flags, ...) {                       \
    if (!strcmp(file, path)) return open_camera(flags);              \
    va_list arguments;                                               \
    va_start(arguments, flags);                                      \
    mode_t mode = va_arg(arguments, mode_t);                         \
    va_end(arguments);                                               \
    int (*real)(const char *, int, ...) = next(#name);               \
    return real(file, flags, mode);                                  \
  }
OPEN(open)
OPEN(open64)

// What a program compiled with _FORTIFY_SOURCE calls.
int __open64_2(const char *file, int flags) { return open64(file, flags); }
int __open_2(const char *file, int flags) { return open(file, flags); }

int access(const char *file, int mode) {
  if (!strcmp(file, path)) return 0;
  int (*real)(const char *, int) = next("access");
  return real(file, mode);
}

int close(int descriptor) {
  if (descriptor >= 0 && descriptor == camera.descriptor) camera.descriptor = -1;
  int (*real)(int) = next("close");
  return real(descriptor);
}

#define MMAP(name, offset_type)                                                                               \
  void *name(void *start, size_t length, int protection, int flags, int descriptor, offset_type offset) {     \
    if (descriptor >= 0 && descriptor == camera.descriptor) {                                                 \
      void *memory = mmap_anonymous(length);                                                                  \
      if (memory != MAP_FAILED && offset / 4096 < buffer_count) camera.memory[offset / 4096] = memory;        \
      return memory;                                                                                          \
    }                                                                                                         \
    static void *(*real)(void *, size_t, int, int, int, offset_type);                                         \
    if (!real) real = next(#name);                                                                            \
    return real(start, length, protection, flags, descriptor, offset);                                        \
  }
static void *mmap_anonymous(size_t length) {
  static void *(*real)(void *, size_t, int, int, int, off_t);
  if (!real) real = next("mmap");
  return real(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
MMAP(mmap, off_t)
MMAP(mmap64, off64_t)

// A grey slope that moves a pixel to the left with every picture, and a bright square that moves to the right.
static unsigned paint(unsigned char *to) {
  const unsigned width = camera.width, height = camera.height, shift = (unsigned)camera.frame;
  if (camera.format == V4L2_PIX_FMT_MJPEG) {
    // The picture that begins at the n-th start of an image, up to the next one.
    size_t begin = 0, end = 0;
    unsigned count = 0, total = 0;
    for (size_t i = 0; i + 2 < camera.jpeg_size; i++)
      if (camera.jpeg[i] == 0xFF && camera.jpeg[i + 1] == 0xD8 && camera.jpeg[i + 2] == 0xFF) total++;
    for (size_t i = 0; i + 2 < camera.jpeg_size && total; i++)
      if (camera.jpeg[i] == 0xFF && camera.jpeg[i + 1] == 0xD8 && camera.jpeg[i + 2] == 0xFF) {
        if (count == shift % total) begin = i;
        if (count == shift % total + 1) end = i;
        count++;
      }
    if (end <= begin) end = camera.jpeg_size;
    if (end - begin > camera.length) end = begin + camera.length;
    memcpy(to, camera.jpeg + begin, end - begin);
    return (unsigned)(end - begin);
  }
  const unsigned left = shift * 4 % width;
  if (camera.format == V4L2_PIX_FMT_YUV420) {
    for (unsigned i = 0; i < width * height; i++) to[i] = (unsigned char)(32 + (i % width + shift) % 160);
    memset(to + width * height, 128, width * height / 2);
    return width * height * 3 / 2;
  }
  for (unsigned y = 0; y < height; y++)
    for (unsigned x = 0; x < width; x++) {
      const int is_square = x >= left && x < left + 32 && y >= height / 2 && y < height / 2 + 32;
      unsigned char *pixel = to + 2 * (y * width + x);
      pixel[0] = is_square ? 235 : (unsigned char)(32 + (x + shift) % 160);
      pixel[1] = 128;
    }
  return width * height * 2;
}

// Waits for the next picture's time and puts it into the buffer given first.
static int dequeue(struct v4l2_buffer *buffer) {
  if (camera.frame >= setting("CAMERA_SHIM_FRAMES", ~0u)) return ENODEV;
  if (!camera.is_streaming) return EINVAL;
  for (;;) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const long long passed =
        (now.tv_sec - camera.start.tv_sec) * 1000000000LL + now.tv_nsec - camera.start.tv_nsec;
    const int is_stalled = camera.frame >= setting("CAMERA_SHIM_STALL", ~0u);
    if (!is_stalled && camera.queued && passed >= (long long)camera.frame * 1000000000LL / camera.rate) {
      const unsigned index = camera.queue[camera.first];
      camera.first = (camera.first + 1) % buffer_count;
      camera.queued--;
      buffer->index = index;
      buffer->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
      buffer->timestamp.tv_sec = now.tv_sec;
      buffer->timestamp.tv_usec = now.tv_nsec / 1000;
      buffer->bytesused = paint(camera.memory[index]);
      camera.frame++;
      return 0;
    }
    if (camera.flags & O_NONBLOCK) return EAGAIN;
    const struct timespec pause = {.tv_nsec = 1000000};
    pthread_mutex_unlock(&lock);
    nanosleep(&pause, NULL);
    pthread_mutex_lock(&lock);
  }
}

static int negotiate(struct v4l2_format *format) {
  if (format->fmt.pix.pixelformat == V4L2_PIX_FMT_MJPEG && camera.jpeg_size) camera.format = V4L2_PIX_FMT_MJPEG;
  else if (format->fmt.pix.pixelformat == V4L2_PIX_FMT_YUV420 && getenv("CAMERA_SHIM_PLANAR"))
    camera.format = V4L2_PIX_FMT_YUV420;
  else camera.format = V4L2_PIX_FMT_YUYV;
  camera.length = camera.width * camera.height * 2;
  format->fmt.pix = (struct v4l2_pix_format){
      .width = camera.width, .height = camera.height, .pixelformat = camera.format, .field = V4L2_FIELD_NONE,
      .bytesperline = camera.width * 2, .sizeimage = camera.length};
  return 0;
}

// 0 or an error of <errno.h>.
static int answer(unsigned long request, void *argument) {
  switch (request) {
  case VIDIOC_QUERYCAP: {
    struct v4l2_capability *it = argument;
    memset(it, 0, sizeof *it);
    strcpy((char *)it->driver, "shim");
    strcpy((char *)it->card, "Camera of the tests");
    it->capabilities = it->device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
    return 0;
  }
  case VIDIOC_ENUM_FMT: {
    struct v4l2_fmtdesc *it = argument;
    if (it->index > (camera.jpeg_size ? 1u : 0u)) return EINVAL;
    it->pixelformat = it->index ? V4L2_PIX_FMT_MJPEG : V4L2_PIX_FMT_YUYV;
    it->flags = it->index ? V4L2_FMT_FLAG_COMPRESSED : 0;
    strcpy((char *)it->description, it->index ? "Motion-JPEG" : "YUYV 4:2:2");
    return 0;
  }
  case VIDIOC_ENUM_FRAMESIZES: {
    struct v4l2_frmsizeenum *it = argument;
    if (it->index > 0) return EINVAL;
    it->type = V4L2_FRMSIZE_TYPE_DISCRETE;
    it->discrete.width = camera.width;
    it->discrete.height = camera.height;
    return 0;
  }
  case VIDIOC_ENUM_FRAMEINTERVALS: {
    struct v4l2_frmivalenum *it = argument;
    if (it->index > 0) return EINVAL;
    it->type = V4L2_FRMIVAL_TYPE_DISCRETE;
    it->discrete = (struct v4l2_fract){1, camera.rate};
    return 0;
  }
  case VIDIOC_G_INPUT: *(int *)argument = 0; return 0;
  case VIDIOC_S_INPUT: return *(int *)argument ? EINVAL : 0;
  case VIDIOC_ENUMINPUT: {
    struct v4l2_input *it = argument;
    if (it->index > 0) return EINVAL;
    memset(it, 0, sizeof *it);
    strcpy((char *)it->name, "Camera 1");
    it->type = V4L2_INPUT_TYPE_CAMERA;
    return 0;
  }
  case VIDIOC_G_FMT: ((struct v4l2_format *)argument)->fmt.pix.pixelformat = camera.format; return negotiate(argument);
  case VIDIOC_S_FMT: return negotiate(argument);
  case VIDIOC_G_PARM:
  case VIDIOC_S_PARM: {
    struct v4l2_streamparm *it = argument;
    it->parm.capture.capability = V4L2_CAP_TIMEPERFRAME;
    it->parm.capture.timeperframe = (struct v4l2_fract){1, camera.rate};
    return 0;
  }
  case VIDIOC_REQBUFS: ((struct v4l2_requestbuffers *)argument)->count = buffer_count; return 0;
  case VIDIOC_QUERYBUF: {
    struct v4l2_buffer *it = argument;
    if (it->index >= buffer_count) return EINVAL;
    it->length = camera.length;
    it->m.offset = it->index * 4096;
    return 0;
  }
  case VIDIOC_QBUF: {
    struct v4l2_buffer *it = argument;
    if (it->index >= buffer_count || camera.queued >= buffer_count) return EINVAL;
    camera.queue[(camera.first + camera.queued++) % buffer_count] = it->index;
    return 0;
  }
  case VIDIOC_DQBUF: return dequeue(argument);
  case VIDIOC_STREAMON:
    clock_gettime(CLOCK_MONOTONIC, &camera.start);
    camera.is_streaming = 1;
    return 0;
  case VIDIOC_STREAMOFF:
    camera.is_streaming = 0;
    camera.queued = 0;
    return 0;
  default: return ENOTTY;
  }
}

int ioctl(int descriptor, unsigned long request, ...) {
  va_list arguments;
  va_start(arguments, request);
  void *argument = va_arg(arguments, void *);
  va_end(arguments);
  if (descriptor < 0 || descriptor != camera.descriptor) {
    int (*real)(int, unsigned long, ...) = next("ioctl");
    return real(descriptor, request, argument);
  }
  pthread_mutex_lock(&lock);
  const int code = answer(request, argument);
  pthread_mutex_unlock(&lock);
  errno = code;
  return code ? -1 : 0;
}
