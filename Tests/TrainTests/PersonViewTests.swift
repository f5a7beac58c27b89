import Testing

@testable import Train

struct PersonViewTests {
  /// Upright: the face around (50, 20), shoulders at 40, elbows at 60, hips at 80, ankles at 140.
  private static func person(_ change: (inout [PersonAnnotation.Point]) -> Void = { _ in }) -> PersonAnnotation {
    let places = [
      (50, 20), (52, 18), (48, 18), (54, 22), (46, 22), (65, 40), (35, 40), (70, 60), (30, 60), (72, 78), (28, 78),
      (60, 80), (40, 80), (60, 110), (40, 110), (60, 140), (40, 140),
    ]
    var points = places.map { PersonAnnotation.Point(x: Double($0.0), y: Double($0.1), visibility: 2) }
    change(&points)
    return PersonAnnotation(
      id: 1, keypoints: points, keypointCount: 17, box: (20, 0, 60, 150), area: 5000, isCrowd: false, agreement: 1)
  }

  @Test(arguments: zip([0, 1, 2, 3], [(36.0, 64.0, 40.0), (25, 75, 50), (20, 80, 60), (18, 82, 80)]))
  func endsWhereAskedFor(_ depth: Int, _ right: (left: Double, right: Double, bottom: Double)) throws {
    let view = try #require(PersonView(upperBodyOf: Self.person(), downTo: depth))
    // Face and neck are 20 apart; the view leaves half of that beside the person, all of it above the face.
    #expect(view.isCut && view.x == right.left && view.x + view.width == right.right)
    #expect(view.y == -2 && view.y + view.height == right.bottom)
  }

  @Test func onlyUprightPeopleWithHeadAndShouldersHaveOne() {
    #expect(PersonView(upperBodyOf: Self.person { for i in 0..<5 { $0[i].visibility = 0 } }, downTo: 0) == nil)
    #expect(PersonView(upperBodyOf: Self.person { $0[5].visibility = 0 }, downTo: 0) == nil)
    let onTheHead = Self.person { for i in $0.indices { $0[i].y = 200 - $0[i].y } }
    let lying = Self.person { for i in $0.indices { ($0[i].x, $0[i].y) = ($0[i].y, $0[i].x) } }
    #expect(PersonView(upperBodyOf: onTheHead, downTo: 0) == nil && PersonView(upperBodyOf: lying, downTo: 0) == nil)
  }
}
