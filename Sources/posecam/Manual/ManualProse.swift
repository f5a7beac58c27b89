/// What the program's manual page says that the argument parser does not know, in mdoc.
enum ManualProse {
  static let program = #"""
    .Sh ENVIRONMENT
    .Bl -tag -width Ds
    .It Ev NO_COLOR
    If not empty, the screen has no colours unless
    .Fl -colors
    asks for them.
    .It Ev TERM , COLORTERM
    What the terminal is and how many colours it shows;
    .Ev COLORTERM
    is
    .Cm truecolor
    or
    .Cm 24bit
    where it shows all.
    .It Ev TMUX , STY
    Tell that the terminal is one of tmux or GNU screen.
    .It Ev LC_ALL , LC_CTYPE , LANG
    The character set; without UTF-8 the screen is made of spaces and ASCII.
    .It Ev DISPLAY
    The X11 display that the source
    .Cm screen\&:
    shows.
    .It Ev COLUMNS
    Width of what
    .Xr posecam-plot 1
    draws where there is no terminal.
    .It Ev TMPDIR
    Where
    .Xr posecam-bench 1
    keeps its clip and
    .Xr posecam-train 1
    its run while they measure,
    .Pa /tmp
    if not set.
    .It Ev XDG_CACHE_HOME
    Where measurements of this machine and fetched models are kept, in a folder
    .Pa posecam ,
    instead of
    .Pa ~/.cache .
    .It Ev OPENBLAS_CORETYPE
    Makes OpenBLAS compute as for another processor than this one.
    .It Ev OMPI_COMM_WORLD_SIZE , OMPI_COMM_WORLD_RANK
    Set by Open MPI's mpirun; by them training knows that it has company.
    .El
    .Sh FILES
    .Nm
    reads no configuration file and keeps nothing but what it was asked to write,
    what it measured of this machine, and models that were given by their addresses.
    .Bl -tag -width Ds
    .It Pa ~/.cache/posecam/tuning.json , ~/.cache/posecam/presets.json
    How the network's work is best divided, and how long it takes, for
    .Fl -preset .
    They may be deleted, and are ignored where they are damaged
    or of another processor.
    .It Pa ~/.cache/posecam/models
    Models that were fetched, by their digests.
    .It Pa /dev/video0
    The first camera.
    .It Pa .NAME.partial-PID , NAME.partial-PID
    Beside an output, or a model: what is written so far.
    It gets its name
    .Pa NAME
    when it is whole.
    If a run was killed, it stays and may be deleted.
    .It Pa RUN/settings.yaml , RUN/log.jsonl
    What a training run was told, and what came of it, a line per event.
    .It Pa RUN/events.out.tfevents.*
    The same for TensorBoard, with pictures and histograms.
    .It Pa RUN/last.ckpt
    From where
    .Fl -resume
    goes on.
    .It Pa RUN/best.safetensors
    The best weights of a run, for
    .Fl -model .
    .It Pa share/doc/posecam
    Below the folder of the installation, such as
    .Pa /usr :
    all kinds of sources and outputs, with schemas, and the built-in network's card.
    .El
    .Sh EXIT STATUS
    .Bl -tag -width Ds
    .It 0
    All was done.
    .It 1
    It failed, or one of several outputs did;
    a line on standard error says what and why.
    .It 64
    Wrong usage.
    .It 128 + N
    Signal
    .Ar N
    asked to end, such as 130 for Ctrl-C and 143 for SIGTERM;
    what was written so far can be used, or was removed where a part is of no use.
    A second signal ends at once.
    .El
    .Sh EXAMPLES
    The first camera in the terminal:
    .Dl $ posecam --video 0
    .Pp
    A video with skeletons drawn, and a table of all key points:
    .Dl $ posecam annotate clip.mp4 -o drawn.mp4 -o people.csv
    .Pp
    How many people are in every frame of a stream:
    .Dl $ posecam --video rtsp://camera.local/stream --json - | jq 'select(.people) | .people | length'
    .Pp
    One person, closely followed, and people far away in a hall:
    .Dl $ posecam --video 0 --single --preset fast
    .Dl $ posecam annotate hall.mp4 --tiles 3x2 -o people.csv
    .Pp
    Other programs may connect to port 7000 of this machine for JSON lines:
    .Dl $ posecam --video 0 --serve 7000
    .Pp
    What this machine has, and what every stage costs on it:
    .Dl $ posecam doctor; posecam bench
    .Pp
    A network of one's own, trained, measured and used:
    .Bd -literal -offset indent
    $ posecam train --data people.json --images pictures --out run
    $ posecam eval --model run/best.safetensors --annotations val.json
    $ posecam --video 0 --model run/best.safetensors
    .Ed
    """#
}
