#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// How pictures are changed before the network sees them.
///
/// Scale, rotation, shift and mirror as Lightweight OpenPose was trained (Osokin 2018), by default with its ranges; the rest
/// is off until asked for.
public struct Augmentation: Codable, Equatable, Sendable {
  /// Size of the person in the middle as a share of the crop's height: smallest and largest.
  public var smallest = 0.3
  public var largest = 0.66
  /// Whether small sizes come as often as large ones of the same ratio.
  public var isScaleLogarithmic = false
  /// No picture is enlarged more than this.
  public var magnification = 4.0
  /// Largest turn either way, in degrees.
  public var rotation = 40.0
  /// Largest distance of the person from the middle, as a share of the crop's sides.
  public var shift = 40.0 / 368
  /// Probability that of a person who is upright only the head is in view, or that and the shoulders, the arms or the hips, as
  /// before a desk; where nobody is upright, nothing changes.
  public var upperBody = 0.0
  /// Probability that one to three people, cut out of pictures with a plain background, are put before a sample's pictures.
  public var copyPaste = 0.0
  /// Probability that something, a piece of a picture without people, stands before a person.
  public var occlusion = 0.0
  /// Probability of a mirror image.
  public var mirror = 0.5
  /// Probability that a sample is composed of several pictures in a grid, with people made small.
  public var mosaic = 0.0
  /// Most pictures along a side of such a grid.
  public var mosaicSide = 3
  /// Probability that a sample is a picture without people.
  public var negatives = 0.0
  /// Probability that a picture without people, not grey, is where a sample's pictures do not reach.
  public var backdrop = 0.0
  /// Strength of changes of brightness, contrast, saturation and hue, 0 to 1.
  public var colour = 0.0
  /// Probabilities of blur, of sensor noise, and of the blocks of strong compression.
  public var blur = 0.0
  public var noise = 0.0
  public var compression = 0.0
  /// People whose label is less certain are masked out instead of learnt, 0 to 1.
  public var leastAgreement = 0.0
  /// Whether the loss around a person is weighted by how certain the label is.
  public var isWeighted = true
  /// Whether people without key points are masked out (the reference learns them as background).
  public var masksUnlabelled = true

  enum CodingKeys: String, CodingKey, CaseIterable {
    case smallest, largest, magnification, rotation, shift, occlusion, mirror, mosaic, negatives, backdrop, colour,
      blur,
      noise, compression
    case isScaleLogarithmic = "logarithmic_scale"
    case upperBody = "upper_body"
    case copyPaste = "copy_paste"
    case mosaicSide = "mosaic_side"
    case leastAgreement = "least_agreement"
    case isWeighted = "weighted"
    case masksUnlabelled = "mask_unlabelled"
  }

  public init() {}

  /// What is not given keeps its default.
  public init(from decoder: any Decoder) throws {
    let given = try decoder.container(keyedBy: CodingKeys.self)
    func read<Value: Decodable>(_ key: CodingKeys, _ value: inout Value) throws {
      if let given = try given.decodeIfPresent(Value.self, forKey: key) { value = given }
    }
    try read(.smallest, &smallest)
    try read(.largest, &largest)
    try read(.isScaleLogarithmic, &isScaleLogarithmic)
    try read(.magnification, &magnification)
    try read(.rotation, &rotation)
    try read(.shift, &shift)
    try read(.upperBody, &upperBody)
    try read(.copyPaste, &copyPaste)
    try read(.occlusion, &occlusion)
    try read(.mirror, &mirror)
    try read(.mosaic, &mosaic)
    try read(.mosaicSide, &mosaicSide)
    try read(.negatives, &negatives)
    try read(.backdrop, &backdrop)
    try read(.colour, &colour)
    try read(.blur, &blur)
    try read(.noise, &noise)
    try read(.compression, &compression)
    try read(.leastAgreement, &leastAgreement)
    try read(.isWeighted, &isWeighted)
    try read(.masksUnlabelled, &masksUnlabelled)
  }

  /// Names of what is asked for and draws on pictures without people.
  public var needsPicturesWithoutPeople: [String] {
    [(negatives, CodingKeys.negatives), (backdrop, .backdrop), (occlusion, .occlusion)].filter { $0.0 > 0 }
      .map { "augmentation.\($0.1.rawValue)" }
  }

  /// Refuses what no sample can be made with.
  public func check() throws(TrainError) {
    func check(_ isRight: Bool, _ key: CodingKeys, _ range: String) throws(TrainError) {
      if !isRight { throw TrainError("augmentation '\(key.rawValue)' takes \(range)") }
    }
    try check((0.01...4).contains(smallest), .smallest, "0.01 to 4")
    try check((smallest...4).contains(largest), .largest, "at least 'smallest', at most 4")
    try check((0.1...16).contains(magnification), .magnification, "0.1 to 16")
    try check((0...180).contains(rotation), .rotation, "0 to 180 degrees")
    try check((0...1).contains(shift), .shift, "0 to 1")
    try check((1...8).contains(mosaicSide), .mosaicSide, "1 to 8")
    for (value, key) in [
      (upperBody, CodingKeys.upperBody), (copyPaste, .copyPaste), (occlusion, .occlusion), (mirror, .mirror),
      (mosaic, .mosaic),
      (negatives, .negatives),
      (backdrop, .backdrop), (colour, .colour), (blur, .blur), (noise, .noise), (compression, .compression),
      (leastAgreement, .leastAgreement),
    ] { try check((0...1).contains(value), key, "0 to 1") }
  }

  /// Draws a size for the person in the middle.
  func share(_ random: inout SeededRandom) -> Double {
    let place = random.uniform(0, 1)
    guard isScaleLogarithmic else { return smallest + (largest - smallest) * place }
    return smallest * pow(largest / smallest, place)
  }
}
