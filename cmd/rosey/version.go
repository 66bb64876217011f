package main

import (
	"runtime/debug"

	"rosey/projector"
)

// unversioned is the version of a build that was stamped with nothing
// (-buildvcs=false, or from a folder without history).
const unversioned = "(devel)"

// version tells this build from others: in database_origin, in the services'
// answers, in a backup's manifest.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return stamped(unversioned)
	}
	return stamped(versionOf(info))
}

// stamped gives a build that was stamped with nothing the name of the tables that it
// makes: two builds that make others can be told apart.
func stamped(version string) string {
	if tables := madeTables(); version == unversioned && tables != "" {
		return "0.0.0+tables." + tables
	}
	return version
}

// madeTables is the beginning of the fingerprint of what this build makes of events
// that name their channel.
func madeTables() string {
	print, err := projector.Fingerprint("")
	if err != nil {
		return "" // the first start says what is wrong with it
	}
	return print[:min(len(print), 12)]
}

// versionOf is the module's version; where the toolchain gave none, the commit
// that it was built from, as a semantic version.
func versionOf(info *debug.BuildInfo) string {
	if v := info.Main.Version; v != "" && v != unversioned {
		return v
	}
	var revision, changed string
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(len(s.Value), 12)]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = ".dirty"
		}
	}
	if revision == "" {
		return unversioned
	}
	return "0.0.0+" + revision + changed
}
