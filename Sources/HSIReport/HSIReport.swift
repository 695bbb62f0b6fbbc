import HSICore
