package main

import "runtime/debug"

// unversioned is the version of a build that was stamped with nothing
// (-buildvcs=false, or from a folder without history).
const unversioned = "(devel)"

// version tells this build from others: in database_origin, in the services'
// answers, in a backup's manifest.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return unversioned
	}
	return versionOf(info)
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
