import Testing

@testable import Train

struct PythonRandomTests {
  /// `random.seed(0); x = list(range(n)); random.shuffle(x)` in CPython 3.11.
  @Test func shufflesAsPythonDoes() {
    var ten = Array(0..<10)
    var random = PythonRandom(seed: 0)
    random.shuffle(&ten)
    #expect(ten == [7, 8, 1, 5, 3, 4, 2, 0, 9, 6])
    var many = Array(0..<5000)
    random = PythonRandom(seed: 0)
    random.shuffle(&many)
    #expect(many.prefix(8) == [2795, 4151, 597, 2932, 3289, 1328, 4771, 1985])
    #expect(many.sorted() == Array(0..<5000))
  }

  @Test func nothingAndOneStayAsTheyAre() {
    var random = PythonRandom(seed: 7)
    var (none, one) = ([Int](), [1])
    random.shuffle(&none)
    random.shuffle(&one)
    #expect(none.isEmpty && one == [1])
  }
}
