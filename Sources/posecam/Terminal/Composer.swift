import Tracker
import Video

/// Draws a `LiveView` as cells: pure, so that every screen can be tested without a terminal.
struct Composer: Sendable {
  let traits: TerminalTraits
  let blitter: Blitter

  private var glyphs: GlyphSet { traits.glyphs }

  init(_ traits: TerminalTraits) {
    self.traits = traits
    blitter = Blitter(traits)
  }

  /// Composes the whole screen; `grid` has the size of `layout`.
  func draw(_ view: LiveView, layout: ScreenLayout, showsHelp: Bool, skipped: Int, into grid: inout CellGrid) {
    grid.clear()
    guard !layout.isTooSmall else {
      let sentence =
        "The window is too small: posecam needs \(ScreenLayout.smallest.columns) x \(ScreenLayout.smallest.rows)."
      for (row, line) in wrap(sentence, width: max(1, layout.columns)).enumerated() {
        grid.write(line, x: 0, y: row, glyphs: glyphs)
      }
      return
    }
    title(view, layout.title, &grid)
    picture(view, layout, &grid)
    let panels = Panels(view: view, glyphs: glyphs, skipped: skipped)
    for (panel, rect) in layout.panels { panels.draw(panel, in: rect, of: &grid) }
    progress(view, layout, &grid)
    keys(view, layout.keys, hasEvents: layout.panels[.events] != nil, &grid)
    if showsHelp { help(layout, &grid) }
  }

  private func title(_ view: LiveView, _ rect: CellRect, _ grid: inout CellGrid) {
    let ornaments = Ornaments(glyphs)
    let (mark, word, ink) =
      view.isPaused
      ? (ornaments.paused, "paused", Theme.warning)
      : view.isLive ? (ornaments.live, "live", Theme.bad) : (ornaments.playing, "playing", Theme.good)
    let state = "\(mark) \(word) "
    let room = rect.width - state.columns(in: glyphs) - 1
    var x = grid.write(" posecam ", x: 0, y: rect.y, limit: room, ink: Theme.title, style: .bold)
    var facts = [view.source]
    if view.frameWidth > 0 { facts.append("\(view.frameWidth)×\(view.frameHeight)") }
    facts += [view.format, view.model]
    for (index, fact) in facts.filter({ !$0.isEmpty }).enumerated() {
      if index > 0 {
        x += grid.write(" · ", x: x, y: rect.y, limit: room - x, glyphs: glyphs, ink: Theme.label, style: .faint)
      }
      x += grid.write(
        fact, x: x, y: rect.y, limit: room - x, glyphs: glyphs, ink: index == 0 ? .standard : Theme.label,
        style: index == 0 ? [] : .faint)
    }
    grid.write(state, x: rect.right - state.columns(in: glyphs), y: rect.y, glyphs: glyphs, ink: ink, style: .bold)
  }

  private func picture(_ view: LiveView, _ layout: ScreenLayout, _ grid: inout CellGrid) {
    guard var picture = view.picture, picture.width > 0, picture.height > 0 else {
      let wait = "waiting for the first frame"
      grid.write(
        wait, x: layout.picture.x + max(0, (layout.picture.width - wait.count) / 2),
        y: layout.picture.y + layout.picture.height / 2, limit: layout.picture.width, glyphs: glyphs,
        ink: Theme.label, style: .faint)
      return
    }
    let overlay = PoseOverlay(picture: picture, frameWidth: view.frameWidth, frameHeight: view.frameHeight)
    let origin = Blitter.origin(of: picture, in: layout.picture)
    if blitter == .ramp {
      picture.dim()
      blitter.draw(picture, in: layout.picture, of: &grid)
      overlay.drawStrokes(view.people, at: origin, within: layout.picture, of: &grid)
    } else {
      overlay.draw(view.people, on: &picture)
      blitter.draw(picture, in: layout.picture, of: &grid)
    }
    labels(view.people, overlay, origin, layout.picture, &grid)
  }

  /// Identities above the heads, in their colours, never one over another.
  private func labels(
    _ people: [Person], _ overlay: PoseOverlay, _ origin: (x: Int, y: Int), _ area: CellRect, _ grid: inout CellGrid
  ) {
    var taken: [CellRect] = []
    for person in people {
      guard let anchor = overlay.labelAnchor(of: person) else { continue }
      let text = traits.colors == .mono ? "[\(person.id)]" : " \(person.id) "
      var place = CellRect(
        x: origin.x + Int(anchor.x.rounded()) - text.count / 2, y: origin.y + Int(anchor.y) / 2 - 1,
        width: text.count, height: 1)
      place.x = max(area.x, min(area.right - place.width, place.x))
      place.y = max(area.y, min(area.bottom - 1, place.y))
      while place.y < area.bottom, taken.contains(where: { $0.overlaps(place) }) { place.y += 1 }
      guard place.y < area.bottom, place.width <= area.width else { continue }
      taken.append(place)
      let paper = IdentityColor.color(for: person.id)
      grid.write(
        text, x: place.x, y: place.y, ink: paper.luma > 110 ? Color(0, 0, 0) : Color(255, 255, 255), paper: paper,
        style: .bold)
    }
  }

  private func progress(_ view: LiveView, _ layout: ScreenLayout, _ grid: inout CellGrid) {
    let rect = layout.progress
    var right = "frame \(view.frameIndex) "
    if layout.panels[.rates] == nil {
      right = "\(Figure.decimal(view.processedRate)) fps · \(view.people.count) people · " + right
    }
    let rightWidth = min(rect.width - 10, right.columns(in: glyphs))
    let rightX = rect.right - rightWidth
    var x = grid.write(" \(Figure.time(view.time)) ", x: 0, y: rect.y, limit: rightX, glyphs: glyphs)
    if let duration = view.duration, duration > 0, !view.isLive {
      let end = " \(Figure.time(duration))  "
      let width = rightX - x - end.count
      if width >= 4 {
        grid.bar(x: x, y: rect.y, width: width, share: view.time / duration, ink: Theme.title, glyphs: glyphs)
        x += width
        grid.write(end, x: x, y: rect.y, limit: rightX - x, glyphs: glyphs, ink: Theme.label, style: .faint)
      }
    } else if let latency = view.latency, rightX - x >= 20 {
      grid.write(
        "latency \(Figure.decimal(latency.lastMilliseconds, digits: 0)) ms", x: x + 1, y: rect.y,
        limit: rightX - x - 2, glyphs: glyphs, ink: Theme.label, style: .faint)
    }
    grid.write(right, x: rightX, y: rect.y, limit: rightWidth, glyphs: glyphs, ink: Theme.label, style: .faint)
  }

  private static let hints = [("q", "quit"), ("space", "pause"), (".", "step"), ("i", "panels"), ("h", "help")]

  private func keys(_ view: LiveView, _ rect: CellRect, hasEvents: Bool, _ grid: inout CellGrid) {
    var x = 1
    for (key, meaning) in Self.hints where key != "i" || rect.width >= 50 {
      x += grid.write(key, x: x, y: rect.y, ink: Theme.title, style: .bold) + 1
      x += grid.write(meaning, x: x, y: rect.y, ink: Theme.label, style: .faint) + 2
    }
    if !hasEvents, let notice = view.notices.last {
      grid.write(notice, x: x + 1, y: rect.y, limit: rect.width - x - 2, glyphs: glyphs, ink: Theme.warning)
    }
  }

  private func help(_ layout: ScreenLayout, _ grid: inout CellGrid) {
    let lines = [
      ("q  Ctrl-C", "quit"), ("space", "pause and go on"), (".", "one frame on, paused"),
      ("i", "panels on and off"), ("h  ?", "this page on and off"), ("Ctrl-L", "paint the screen anew"),
      ("Ctrl-Z", "stop; fg comes back"),
    ]
    let (width, height) = (min(layout.columns, 40), lines.count + 2)
    let rect = CellRect(
      x: (layout.columns - width) / 2, y: max(0, (layout.rows - height) / 2), width: width, height: height)
    grid.box(rect, title: "keys", accent: Theme.title, glyphs: glyphs)
    for (row, line) in lines.enumerated() {
      grid.write(line.0, x: rect.x + 3, y: rect.y + 1 + row, ink: Theme.title, style: .bold)
      grid.write(line.1, x: rect.x + 15, y: rect.y + 1 + row, limit: width - 17)
    }
  }

  private func wrap(_ text: String, width: Int) -> [String] {
    var lines = [""]
    for word in text.split(separator: " ") {
      if let last = lines.last, !last.isEmpty, last.count + 1 + word.count > width { lines.append("") }
      let last = lines.count - 1
      lines[last] += (lines[last].isEmpty ? "" : " ") + word
    }
    return lines
  }
}

extension Bitmap {
  /// Leaves the brightest tones to what is drawn over the picture.
  fileprivate mutating func dim() {
    for index in pixels.indices { pixels[index] = UInt8(Int(pixels[index]) * 5 / 8) }
  }
}
