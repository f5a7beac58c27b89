/// The part of a picture that shows a person, in pixels.
struct PersonView {
  var x: Double
  var y: Double
  var width: Double
  var height: Double
  /// Whether what is below is not to be seen.
  var isCut = false

  var center: (x: Double, y: Double) { (x + width / 2, y + height / 2) }
}

extension PersonView {
  /// A person seen as before a desk or in a close-up.
  /// - Parameter depth: 0 shows the head alone, 1 the shoulders too, 2 the elbows, 3 hips and wrists.
  /// - Returns: `nil` unless head and shoulders are labelled, the one above the others.
  init?(upperBodyOf person: PersonAnnotation, downTo depth: Int) {
    func mean(_ points: [PersonAnnotation.Point]) -> (x: Double, y: Double) {
      let count = Double(points.count)
      return (points.reduce(0) { $0 + $1.x } / count, points.reduce(0) { $0 + $1.y } / count)
    }
    func labelled(_ range: Range<Int>) -> [PersonAnnotation.Point] {
      person.keypoints[range].filter { $0.visibility > 0 }
    }
    let (face, shoulders) = (labelled(0..<5), labelled(5..<7))
    guard !face.isEmpty, shoulders.count == 2 else { return nil }
    let (head, neck) = (mean(face), mean(shoulders))
    // From the middle of the face to the neck: as far as from there to the top of the head, or beside it.
    let reach = neck.y - head.y
    guard reach > abs(neck.x - head.x) else { return nil }

    let shown = labelled(0..<[5, 7, 9, 13][min(max(depth, 0), 3)])
    let (left, right) = (shown.map(\.x).min() ?? head.x, shown.map(\.x).max() ?? head.x)
    let bottom = depth > 0 ? max(neck.y + reach / 2, shown.map(\.y).max() ?? neck.y) : neck.y
    x = left - reach / 2
    y = min(head.y, shown.map(\.y).min() ?? head.y) - reach
    width = max(1, right - left + reach)
    height = max(1, bottom - y)
    isCut = true
  }
}
