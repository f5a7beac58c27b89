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

  /// The layout for a view; several pictures side by side count as one.
  static func layout(
    columns: Int, rows: Int, cellAspect: Double = 2, _ view: LiveView, panels: Set<ScreenLayout.Panel>
  ) -> ScreenLayout {
    var (across, down) = (view.mode == .split ? 2 : 1, 1)
    var (width, height) = (view.tile.shownWidth, view.frameHeight)
    if view.tiles.count > 1 {
      // All places are as wide as the widest picture needs.
      for tile in view.tiles where tile.shownWidth * height > width * tile.frameHeight {
        (width, height) = (tile.shownWidth, tile.frameHeight)
      }
      let fit = PictureFit(frameWidth: width, frameHeight: height, cellAspect: cellAspect)
      across = TileGrid.columns(view.tiles.count, in: max(1, columns - 32), max(1, rows - 3), fit)
      down = (view.tiles.count + across - 1) / across
    }
    var layout = ScreenLayout(
      columns: columns, rows: rows, frameWidth: across * width, frameHeight: down * height, cellAspect: cellAspect,
      panels: panels, cores: view.load?.cores.count ?? 2)
    layout.tileColumns = across
    return layout
  }

  /// The pixels that the picture of the video with number `tile` should have.
  func pictureSize(_ layout: ScreenLayout, _ view: LiveView, tile: Int = 0) -> (width: Int, height: Int) {
    let density = blitter.density(cell: cellSize)
    let panes = panes(layout, view)
    let rect = panes[tile < panes.count ? tile : 0].rect
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
    let (state, ink) = Self.state(view, ornaments)
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
        // What was cut ends the line.
        guard x + 4 < room else { break }
        x += grid.write(" · ", x: x, y: rect.y, limit: room - x, glyphs: glyphs, ink: Theme.label, style: .faint)
      }
      x += grid.write(
        fact, x: x, y: rect.y, limit: room - x, glyphs: glyphs, ink: index == 0 ? .standard : Theme.label,
        style: index == 0 ? [] : .faint)
    }
  }

  /// What the video does, and the colour of that.
  private static func state(_ view: LiveView, _ ornaments: Ornaments) -> (String, Color) {
    if view.isStill { return ("picture ", Theme.label) }
    if view.isPaused { return ("\(ornaments.paused) paused ", Theme.warning) }
    if view.isOver { return ("\(ornaments.over) over ", Theme.label) }
    if view.isWaiting { return ("\(ornaments.live) waiting ", Theme.warning) }
    return view.isLive ? ("\(ornaments.live) live ", Theme.bad) : ("\(ornaments.playing) playing ", Theme.good)
  }

  // MARK: - Picture

  /// A part of the picture's place.
  private struct Pane {
    var rect: CellRect
    /// On the source's picture, or on black.
    var hasPicture: Bool
    var hasSkeletons: Bool
    var content: LiveView.Tile
  }

  private func panes(_ layout: ScreenLayout, _ view: LiveView) -> [Pane] {
    let rect = layout.picture
    let (hasPicture, hasSkeletons) = (view.mode != .skeletons, !view.mode.showsMaps)
    if view.tiles.count > 1 {
      let places = TileGrid.places(view.tiles.count, columns: layout.tileColumns, in: rect)
      return zip(places, view.tiles).map { place, tile in
        let fit = PictureFit(
          frameWidth: tile.shownWidth, frameHeight: tile.frameHeight, cellAspect: layout.cellAspect)
        let (width, height) = fit.cells(in: place.width, place.height)
        let inner = CellRect(
          x: place.x + (place.width - width) / 2, y: place.y + (place.height - height) / 2, width: width,
          height: height)
        return Pane(rect: inner, hasPicture: hasPicture, hasSkeletons: hasSkeletons, content: tile)
      }
    }
    guard view.mode == .split else {
      return [Pane(rect: rect, hasPicture: hasPicture, hasSkeletons: hasSkeletons, content: view.tile)]
    }
    var (left, right) = (rect, rect)
    left.width = rect.width / 2
    (right.x, right.width) = (rect.x + left.width, rect.width - left.width)
    return [
      Pane(rect: left, hasPicture: true, hasSkeletons: false, content: view.tile),
      Pane(rect: right, hasPicture: false, hasSkeletons: true, content: view.tile),
    ]
  }

  private func picture(_ view: LiveView, _ layout: ScreenLayout, _ grid: inout CellGrid) -> Bitmap? {
    let density = blitter.density(cell: cellSize)
    let area = layout.picture
    var whole =
      blitter.isGraphics ? Bitmap(width: area.width * density.x, height: area.height * density.y) : nil
    var isEmpty = true
    for (index, pane) in panes(layout, view).enumerated() {
      if let picture = pane.content.picture, picture.width > 0, picture.height > 0, !pane.rect.isEmpty {
        isEmpty = false
        let bitmap = draw(pane, picture, density, &grid)
        whole?.paste(bitmap, x: (pane.rect.x - area.x) * density.x, y: (pane.rect.y - area.y) * density.y)
      } else {
        wait(in: pane.rect, &grid)
      }
      if view.tiles.count > 1 { caption(pane, isFocus: index == view.focus, &grid) }
    }
    return isEmpty ? nil : whole
  }

  private func wait(in rect: CellRect, _ grid: inout CellGrid) {
    let wait = "waiting for the first frame"
    grid.write(
      wait, x: rect.x + max(0, (rect.width - wait.count) / 2), y: rect.y + rect.height / 2, limit: rect.width,
      glyphs: glyphs, ink: Theme.label, style: .faint)
  }

  /// Draws a pane by characters, or returns what is to be shown by real pixels.
  private func draw(_ pane: Pane, _ picture: Bitmap, _ density: (x: Int, y: Int), _ grid: inout CellGrid) -> Bitmap {
    let (width, height) = (pane.rect.width * density.x, pane.rect.height * density.y)
    var tile = pane.content
    // Someone who is not there cannot stand out.
    if !tile.people.contains(where: { $0.id == tile.selected }) { tile.selected = nil }
    var bitmap = pane.hasPicture ? picture.resized(width, height) : Bitmap(width: width, height: height)
    let overlay = PoseOverlay(
      width: width, height: height, frameWidth: tile.frameWidth, frameHeight: tile.frameHeight,
      selected: tile.selected)
    let isThin = pane.hasSkeletons && (blitter == .braille || blitter == .ascii || (!pane.hasPicture && canThin))
    if pane.hasSkeletons && !isThin { overlay.draw(tile.people, on: &bitmap) }
    if blitter == .ascii || (isThin && blitter == .braille) { bitmap.dim(to: 5) }
    if !blitter.isGraphics, pane.hasPicture || !isThin { blitter.draw(bitmap, in: pane.rect, of: &grid) }
    if isThin { thinSkeletons(tile, pane.rect, overlay, &grid) }
    if pane.hasSkeletons { labels(tile, overlay, density, pane.rect, &grid) }
    return bitmap
  }

  /// The name of one of several videos and how fast it goes, over its upper left corner.
  private func caption(_ pane: Pane, isFocus: Bool, _ grid: inout CellGrid) {
    let tile = pane.content
    let state = tile.hasEnded ? "over" : "\(Figure.decimal(tile.rate)) fps"
    // How fast it goes is told also where the name is too long.
    let rest = " · \(state) "
    let room = pane.rect.width - 1 - rest.columns(in: glyphs)
    let name = tile.name.count <= room || room < 6 ? tile.name : tile.name.prefix(room - 1) + "…"
    grid.write(
      " \(name)\(rest)", x: pane.rect.x, y: pane.rect.y, limit: pane.rect.width, glyphs: glyphs,
      ink: isFocus ? Color(0, 0, 0) : Color(220, 224, 230), paper: isFocus ? Theme.title : Color(40, 44, 52),
      style: isFocus ? .bold : [])
  }

  /// Whether skeletons on black are drawn by braille dots, four times as fine as half blocks.
  private var canThin: Bool { glyphs == .full && !blitter.isGraphics }

  private func thinSkeletons(_ view: LiveView.Tile, _ rect: CellRect, _ overlay: PoseOverlay, _ grid: inout CellGrid) {
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
    _ view: LiveView.Tile, _ overlay: PoseOverlay, _ density: (x: Int, y: Int), _ area: CellRect, _ grid: inout CellGrid
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

  /// The video under the mouse, among several, and the person in it.
  func find(at mouse: Mouse, _ view: LiveView, _ layout: ScreenLayout) -> (tile: Int, person: Person?)? {
    let panes = panes(layout, view)
    guard let index = panes.firstIndex(where: { $0.rect.contains(mouse.x, mouse.y) }) else { return nil }
    let (rect, tile) = (panes[index].rect, panes[index].content)
    let overlay = PoseOverlay(
      width: rect.width, height: rect.height, frameWidth: tile.frameWidth, frameHeight: tile.frameHeight)
    let person = overlay.person(
      at: Float(mouse.x - rect.x) + 0.5, Float(mouse.y - rect.y) + 0.5, among: tile.people)
    return (view.tiles.count > 1 ? index : 0, person)
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
    guard layout.panels[.rates] == nil else { return frame }
    // As much as leaves room for the time before it.
    let people = "\(view.people.count) people · " + frame
    let room = layout.progress.width - 10
    return ["\(Figure.decimal(view.processedRate)) fps · " + people, people].first { $0.count <= room } ?? frame
  }

  private func progress(_ view: LiveView, _ layout: ScreenLayout, _ grid: inout CellGrid) {
    let rect = layout.progress
    let right = Self.rightText(view, layout)
    let rightWidth = right.columns(in: glyphs)
    let rightX = rect.right - rightWidth
    let x = grid.write(" \(Figure.time(view.time)) ", x: 0, y: rect.y, limit: rightX, glyphs: glyphs)
    if let bar = Self.progressBar(view, layout), let duration = view.duration {
      grid.bar(x: bar.x, y: rect.y, width: bar.width, share: view.time / duration, ink: Theme.title, glyphs: glyphs)
      grid.write(
        " \(Figure.time(duration))  ", x: bar.right, y: rect.y, limit: rightX - bar.right, glyphs: glyphs,
        ink: Theme.label, style: .faint)
    } else if let latency = view.latency, !view.isWaiting, rightX - x >= 20 {
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
    if view.tiles.count > 1 { hints.insert(("n", "next video"), at: 3) }
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

  /// Copies a picture that fits to a place in this one.
  fileprivate mutating func paste(_ other: Bitmap, x: Int, y: Int) {
    let width = min(other.width, self.width - x) * 3
    guard x >= 0, y >= 0, width > 0 else { return }
    for row in 0..<min(other.height, height - y) {
      let (to, from) = (((y + row) * self.width + x) * 3, row * other.width * 3)
      pixels.replaceSubrange(to..<to + width, with: other.pixels[from..<from + width])
    }
  }
}
