import Tracker
import Video

/// Draws a `LiveView` as cells: pure, so that every screen can be tested without a terminal.
struct Composer: Sendable {
  let traits: TerminalTraits
  var blitter: Blitter
  /// Pixels of a cell of the terminal.
  var cellSize = (width: 10, height: 20)

  private var glyphs: GlyphSet { traits.glyphs }

  init(_ traits: TerminalTraits, blitter: Blitter? = nil) {
    self.traits = traits
    self.blitter = blitter ?? .standard(for: traits)
  }

  /// The layout for a view; two pictures side by side are one of twice the width.
  static func layout(
    columns: Int, rows: Int, cellAspect: Double = 2, _ view: LiveView, panels: Set<ScreenLayout.Panel>
  ) -> ScreenLayout {
    ScreenLayout(
      columns: columns, rows: rows, frameWidth: view.mode == .split ? 2 * view.frameWidth : view.frameWidth,
      frameHeight: view.frameHeight, cellAspect: cellAspect, panels: panels, cores: view.load?.cores.count ?? 2)
  }

  /// The pixels that the picture of a view should have.
  func pictureSize(_ layout: ScreenLayout, _ mode: ViewMode) -> (width: Int, height: Int) {
    let density = blitter.density(cell: cellSize)
    let rect = panes(layout.picture, mode)[0].rect
    return (rect.width * density.x, rect.height * density.y)
  }

  /// Composes the whole screen; `grid` has the size of `layout`.
  /// - Returns: the picture where it is shown by real pixels, which the grid leaves room for.
  @discardableResult
  func draw(
    _ view: LiveView, layout: ScreenLayout, showsHelp: Bool, skipped: Int, into grid: inout CellGrid
  ) -> Bitmap? {
    grid.clear()
    guard !layout.isTooSmall else {
      let sentence =
        "The window is too small: posecam needs \(ScreenLayout.smallest.columns) x \(ScreenLayout.smallest.rows)."
      for (row, line) in sentence.wrapped(to: max(1, layout.columns)).enumerated() {
        grid.write(line, x: 0, y: row, glyphs: glyphs)
      }
      return nil
    }
    title(view, layout.title, &grid)
    let bitmap = picture(view, layout, &grid)
    let panels = Panels(view: view, glyphs: glyphs, skipped: skipped)
    for (panel, rect) in layout.panels { panels.draw(panel, in: rect, of: &grid) }
    progress(view, layout, &grid)
    keys(view, layout.keys, hasEvents: layout.panels[.events] != nil, &grid)
    if showsHelp { HelpPage(glyphs: glyphs).draw(on: layout, of: &grid) }
    return bitmap
  }

  private func title(_ view: LiveView, _ rect: CellRect, _ grid: inout CellGrid) {
    let ornaments = Ornaments(glyphs)
    let (mark, word, ink) =
      view.isPaused
      ? (ornaments.paused, "paused", Theme.warning)
      : view.isLive ? (ornaments.live, "live", Theme.bad) : (ornaments.playing, "playing", Theme.good)
    let state = "\(mark) \(word) "
    var right = rect.right - state.columns(in: glyphs)
    grid.write(state, x: right, y: rect.y, glyphs: glyphs, ink: ink, style: .bold)
    if let recorded = view.recorded {
      let recording = "\(ornaments.recording) recording \(Figure.clock(recorded))  "
      right -= recording.columns(in: glyphs)
      grid.write(recording, x: right, y: rect.y, glyphs: glyphs, ink: Theme.bad, style: .bold)
    }
    let room = right - 1
    var x = grid.write(" posecam ", x: 0, y: rect.y, limit: room, ink: Theme.title, style: .bold)
    var facts = [view.source]
    if view.frameWidth > 0 { facts.append("\(view.frameWidth)×\(view.frameHeight)") }
    facts += [view.mode == .video ? "" : view.mode.name, view.engine, view.format, view.model]
    for (index, fact) in facts.filter({ !$0.isEmpty }).enumerated() {
      if index > 0 {
        x += grid.write(" · ", x: x, y: rect.y, limit: room - x, glyphs: glyphs, ink: Theme.label, style: .faint)
      }
      x += grid.write(
        fact, x: x, y: rect.y, limit: room - x, glyphs: glyphs, ink: index == 0 ? .standard : Theme.label,
        style: index == 0 ? [] : .faint)
    }
  }

  // MARK: - Picture

  /// A part of the picture's place.
  private struct Pane {
    var rect: CellRect
    /// On the source's picture, or on black.
    var hasPicture: Bool
    var hasSkeletons: Bool
  }

  private func panes(_ rect: CellRect, _ mode: ViewMode) -> [Pane] {
    switch mode {
    case .video: return [Pane(rect: rect, hasPicture: true, hasSkeletons: true)]
    case .skeletons: return [Pane(rect: rect, hasPicture: false, hasSkeletons: true)]
    case .heatmaps, .fields: return [Pane(rect: rect, hasPicture: true, hasSkeletons: false)]
    case .split:
      var (left, right) = (rect, rect)
      left.width = rect.width / 2
      (right.x, right.width) = (rect.x + left.width, rect.width - left.width)
      return [
        Pane(rect: left, hasPicture: true, hasSkeletons: false),
        Pane(rect: right, hasPicture: false, hasSkeletons: true),
      ]
    }
  }

  private func picture(_ view: LiveView, _ layout: ScreenLayout, _ grid: inout CellGrid) -> Bitmap? {
    var view = view
    // Someone who is not there cannot stand out.
    if !view.people.contains(where: { $0.id == view.selected }) { view.selected = nil }
    guard let picture = view.picture, picture.width > 0, picture.height > 0 else {
      let wait = "waiting for the first frame"
      grid.write(
        wait, x: layout.picture.x + max(0, (layout.picture.width - wait.count) / 2),
        y: layout.picture.y + layout.picture.height / 2, limit: layout.picture.width, glyphs: glyphs,
        ink: Theme.label, style: .faint)
      return nil
    }
    let density = blitter.density(cell: cellSize)
    var whole = Bitmap(width: 0, height: 0)
    for pane in panes(layout.picture, view.mode) {
      let (width, height) = (pane.rect.width * density.x, pane.rect.height * density.y)
      guard width > 0, height > 0 else { continue }
      var bitmap = pane.hasPicture ? picture.resized(width, height) : Bitmap(width: width, height: height)
      let overlay = PoseOverlay(
        width: width, height: height, frameWidth: view.frameWidth, frameHeight: view.frameHeight,
        selected: view.selected)
      let isThin = pane.hasSkeletons && (blitter == .braille || blitter == .ascii || (!pane.hasPicture && canThin))
      if pane.hasSkeletons && !isThin { overlay.draw(view.people, on: &bitmap) }
      if blitter == .ascii || (isThin && blitter == .braille) { bitmap.dim(to: 5) }
      if blitter.isGraphics {
        whole = whole.width == 0 ? bitmap : whole.beside(bitmap)
      } else if pane.hasPicture || !isThin {
        blitter.draw(bitmap, in: pane.rect, of: &grid)
      }
      if isThin { thinSkeletons(view, pane.rect, overlay, &grid) }
      if pane.hasSkeletons { labels(view, overlay, density, pane.rect, &grid) }
    }
    return blitter.isGraphics && whole.width > 0 ? whole : nil
  }

  /// Whether skeletons on black are drawn by braille dots, four times as fine as half blocks.
  private var canThin: Bool { glyphs == .full && !blitter.isGraphics }

  private func thinSkeletons(_ view: LiveView, _ rect: CellRect, _ overlay: PoseOverlay, _ grid: inout CellGrid) {
    guard glyphs == .full, blitter != .ascii else { return overlay.drawStrokes(view.people, within: rect, of: &grid) }
    var canvas = BrailleCanvas(width: rect.width, height: rect.height)
    PoseOverlay(
      width: 2 * rect.width, height: 4 * rect.height, frameWidth: view.frameWidth, frameHeight: view.frameHeight,
      selected: view.selected
    ).draw(view.people, on: &canvas)
    canvas.draw(atX: rect.x, y: rect.y, of: &grid)
  }

  /// Identities above the heads, in their colours, never one over another.
  private func labels(
    _ view: LiveView, _ overlay: PoseOverlay, _ density: (x: Int, y: Int), _ area: CellRect, _ grid: inout CellGrid
  ) {
    var taken: [CellRect] = []
    for person in view.people {
      guard let anchor = overlay.labelAnchor(of: person) else { continue }
      let isFaded = view.selected != nil && view.selected != person.id
      let text = traits.colors == .mono ? "[\(person.id)]" : " \(person.id) "
      var place = CellRect(
        x: area.x + Int(anchor.x.rounded()) / density.x - text.count / 2,
        y: area.y + Int(anchor.y.rounded(.down)) / density.y - 1, width: text.count, height: 1)
      place.x = max(area.x, min(area.right - place.width, place.x))
      place.y = max(area.y, min(area.bottom - 1, place.y))
      while place.y < area.bottom, taken.contains(where: { $0.overlaps(place) }) { place.y += 1 }
      guard place.y < area.bottom, place.width <= area.width else { continue }
      taken.append(place)
      let color = IdentityColor.color(for: person.id)
      let paper = isFaded ? IdentityColor.faded(color) : color
      grid.write(
        text, x: place.x, y: place.y, ink: paper.luma > 110 ? Color(0, 0, 0) : Color(255, 255, 255), paper: paper,
        style: .bold)
    }
  }

  /// The person under the mouse.
  func person(at mouse: Mouse, _ view: LiveView, _ layout: ScreenLayout) -> Person? {
    guard let pane = panes(layout.picture, view.mode).first(where: { $0.rect.contains(mouse.x, mouse.y) }) else {
      return nil
    }
    let overlay = PoseOverlay(
      width: pane.rect.width, height: pane.rect.height, frameWidth: view.frameWidth, frameHeight: view.frameHeight)
    return overlay.person(
      at: Float(mouse.x - pane.rect.x) + 0.5, Float(mouse.y - pane.rect.y) + 0.5, among: view.people)
  }

  // MARK: - Below

  /// The bar of the progress row, whose columns stand for places of the video.
  static func progressBar(_ view: LiveView, _ layout: ScreenLayout) -> CellRect? {
    guard let duration = view.duration, duration > 0, !view.isLive else { return nil }
    let left = " \(Figure.time(view.time)) ".count
    let right = rightText(view, layout).count + " \(Figure.time(duration))  ".count
    let width = layout.progress.width - left - right
    return width >= 4 ? CellRect(x: left, y: layout.progress.y, width: width, height: 1) : nil
  }

  private static func rightText(_ view: LiveView, _ layout: ScreenLayout) -> String {
    let frame = "frame \(view.frameIndex) "
    return layout.panels[.rates] == nil
      ? "\(Figure.decimal(view.processedRate)) fps · \(view.people.count) people · " + frame : frame
  }

  private func progress(_ view: LiveView, _ layout: ScreenLayout, _ grid: inout CellGrid) {
    let rect = layout.progress
    let right = Self.rightText(view, layout)
    let rightWidth = min(rect.width - 10, right.columns(in: glyphs))
    let rightX = rect.right - rightWidth
    let x = grid.write(" \(Figure.time(view.time)) ", x: 0, y: rect.y, limit: rightX, glyphs: glyphs)
    if let bar = Self.progressBar(view, layout), let duration = view.duration {
      grid.bar(x: bar.x, y: rect.y, width: bar.width, share: view.time / duration, ink: Theme.title, glyphs: glyphs)
      grid.write(
        " \(Figure.time(duration))  ", x: bar.right, y: rect.y, limit: rightX - bar.right, glyphs: glyphs,
        ink: Theme.label, style: .faint)
    } else if let latency = view.latency, rightX - x >= 20 {
      grid.write(
        "latency \(Figure.decimal(latency.lastMilliseconds, digits: 0)) ms", x: x + 1, y: rect.y,
        limit: rightX - x - 2, glyphs: glyphs, ink: Theme.label, style: .faint)
    }
    grid.write(right, x: rightX, y: rect.y, limit: rightWidth, glyphs: glyphs, ink: Theme.label, style: .faint)
  }

  /// The keys, as many as fit, the most useful first.
  private func keys(_ view: LiveView, _ rect: CellRect, hasEvents: Bool, _ grid: inout CellGrid) {
    let arrows = glyphs == .ascii ? "<- ->" : "←→"
    var hints = [("q", "quit"), ("h", "help"), ("space", "pause"), ("1-5", "view"), ("r", "record"), ("s", "save")]
    if view.canSeek { hints.insert((arrows, "seek"), at: 3) }
    hints += [("i", "panels"), ("m", "pixels"), ("+-", "score"), ("[]", "size"), ("p", "precision")]
    let notice = hasEvents ? nil : view.events.last?.text
    let room = rect.width - (notice == nil ? 1 : min(30, rect.width / 2))
    var x = 1
    for (key, meaning) in hints {
      guard x + key.count + meaning.count + 1 <= room else { break }
      x += grid.write(key, x: x, y: rect.y, glyphs: glyphs, ink: Theme.title, style: .bold) + 1
      x += grid.write(meaning, x: x, y: rect.y, ink: Theme.label, style: .faint) + 2
    }
    if let notice {
      grid.write(notice, x: x + 1, y: rect.y, limit: rect.width - x - 2, glyphs: glyphs, ink: Theme.warning)
    }
  }
}

extension Bitmap {
  /// The nearest pixels; the bitmap itself where the size is right, as it nearly always is.
  fileprivate func resized(_ width: Int, _ height: Int) -> Bitmap {
    if width == self.width, height == self.height { return self }
    var result = Bitmap(width: width, height: height)
    for y in 0..<height {
      for x in 0..<width {
        let from = (y * self.height / height * self.width + x * self.width / width) * 3
        for channel in 0..<3 { result.pixels[(y * width + x) * 3 + channel] = pixels[from + channel] }
      }
    }
    return result
  }

  /// This picture and another of the same height to its right.
  fileprivate func beside(_ other: Bitmap) -> Bitmap {
    var result = Bitmap(width: width + other.width, height: height)
    result.pixels.removeAll(keepingCapacity: true)
    for y in 0..<height {
      result.pixels += pixels[y * width * 3..<(y + 1) * width * 3]
      result.pixels += other.pixels[y * other.width * 3..<(y + 1) * other.width * 3]
    }
    return result
  }
}
