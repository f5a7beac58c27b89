import Testing

@testable import Infer

struct ProcessorsTests {
  @Test(arguments: [
    (nil, nil, 8),
    ("Name:\tposecam\nCpus_allowed:\tff\nCpus_allowed_list:\t0-7\n", "max 100000\n", 8),
    ("Cpus_allowed:\t5\n", nil, 2),
    // More words than processors, as systems with room for many have it.
    ("Cpus_allowed:\tffffffff,ffffffff\n", nil, 8),
    ("Cpus_allowed:\tff\n", "150000 100000\n", 2),
    ("Cpus_allowed:\t3\n", "400000 100000\n", 2),
    (nil, "10000 100000\n", 1),
    ("Cpus_allowed:\t0\n", "0 0\n", 8),
    ("Cpus_allowed:\n", "nonsense\n", 8),
  ])
  func masksAndSharesAreHonoured(status: String?, share: String?, expected: Int) {
    #expect(Processors.usable(status: status, share: share, all: 8) == expected)
  }

  @Test func thisMachineHasSome() { #expect((1...max(1, Processors.all)).contains(Processors.usable)) }
}
