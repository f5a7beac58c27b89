import ArgumentParser

/// Seconds, minutes or hours: "90", "30m", "8h".
struct TimeLimit: ExpressibleByArgument {
  let seconds: Double

  init?(argument: String) {
    let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600]
    let unit = argument.last.flatMap { units[$0] }
    guard let number = Double(unit == nil ? argument : String(argument.dropLast())), number > 0, number.isFinite else {
      return nil
    }
    seconds = number * (unit ?? 1)
  }
}
