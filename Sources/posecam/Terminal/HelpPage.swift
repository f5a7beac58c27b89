/// The page of keys.
struct HelpPage {
  let glyphs: GlyphSet

  private static let lines = [
    ("q  Ctrl-C", "quit"), ("space", "pause and go on"), (".  ,", "one frame on or back, paused"),
    ("← →  ↓ ↑", "5 seconds, 1 minute back or on"), ("PgDn PgUp", "10 minutes; Home, mouse: anywhere"),
    ("1 2 3 4 5", "video, skeletons, heat-maps, fields, split"),
    ("r", "record the annotated video"), ("s", "save picture and JSON"), ("+ -", "least score of people"),
    ("[ ]", "size of the network's input"), ("p", "precision of the network"), ("m", "pixels: half blocks and others"),
    ("Tab, mouse", "select a person; Esc nobody"), ("n, mouse", "the next of several videos"),
    ("i", "all panels on and off"),
    ("R S L P E", "rates, stages, load, people, events"), ("Ctrl-L", "paint the screen anew"),
    ("Ctrl-Z", "stop; fg comes back"),
  ]

  func draw(on layout: ScreenLayout, of grid: inout CellGrid) {
    let (width, height) = (min(layout.columns, 62), min(layout.rows, Self.lines.count + 2))
    let rect = CellRect(
      x: (layout.columns - width) / 2, y: max(0, (layout.rows - height) / 2), width: width, height: height)
    grid.box(rect, title: "keys", headings: " h closes ", accent: Theme.title, glyphs: glyphs)
    // What has no room is named, at least by its keys.
    var lines = Self.lines
    if lines.count > height - 2, height > 3 {
      let rest = lines[(height - 3)...].map(\.0).joined(separator: "  ")
      lines = lines.prefix(height - 3) + [("also", rest)]
    }
    for (row, line) in lines.prefix(max(0, height - 2)).enumerated() {
      let keys = glyphs == .ascii ? line.0.replacing("← →  ↓ ↑", with: "arrows") : line.0
      grid.write(keys, x: rect.x + 3, y: rect.y + 1 + row, glyphs: glyphs, ink: Theme.title, style: .bold)
      grid.write(line.1, x: rect.x + 16, y: rect.y + 1 + row, limit: width - 18, glyphs: glyphs)
    }
  }
}
