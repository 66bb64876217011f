package streams

import (
	"strconv"
	"strings"
)

// versionAtLeast compares the first two numbers of a server's version. An
// unreadable version passes: the server will say itself what it lacks.
func versionAtLeast(version string, major, minor int) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return true
	}
	maj, err1 := strconv.Atoi(strings.TrimPrefix(parts[0], "v"))
	mnr, err2 := strconv.Atoi(parts[1])
	if err1 != nil || err2 != nil {
		return true
	}
	return maj > major || maj == major && mnr >= minor
}
