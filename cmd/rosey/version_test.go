package main

import (
	"runtime/debug"
	"testing"

	"rosey/streams/service"
)

func TestVersion_TellsBuildsApart(t *testing.T) {
	t.Parallel()
	commit := debug.BuildSetting{Key: "vcs.revision", Value: "0eeb5465b08e4122ab8a7d5ef6fd66d80f9314de"}
	for _, c := range []struct {
		module   string
		settings []debug.BuildSetting
		want     string
	}{
		{"v1.4.0", []debug.BuildSetting{commit}, "v1.4.0"},
		{"v0.0.0-20260401120000-0eeb5465b08e+dirty", nil, "v0.0.0-20260401120000-0eeb5465b08e+dirty"},
		{"(devel)", []debug.BuildSetting{commit, {Key: "vcs.modified", Value: "false"}}, "0.0.0+0eeb5465b08e"},
		{"", []debug.BuildSetting{{Key: "vcs.modified", Value: "true"}, commit}, "0.0.0+0eeb5465b08e.dirty"},
		{"(devel)", nil, "(devel)"},
		{"", nil, "(devel)"},
	} {
		got := versionOf(&debug.BuildInfo{Main: debug.Module{Version: c.module}, Settings: c.settings})
		if got != c.want {
			t.Errorf("version %q with %v: got %s, want %s", c.module, c.settings, got, c.want)
		}
		if sem := service.SemVer(got); c.want != "(devel)" && sem == "0.0.0" {
			t.Errorf("services call %s %s, as they call every other", got, sem)
		}
	}
}

// A build without any stamp is named after the tables that it makes.
func TestVersion_OfABuildWithoutAStamp(t *testing.T) {
	t.Parallel()
	tables := madeTables()
	if len(tables) != 12 || stamped(unversioned) != "0.0.0+tables."+tables || stamped("v1.4.0") != "v1.4.0" {
		t.Errorf("tables %q, unstamped %q, stamped %q", tables, stamped(unversioned), stamped("v1.4.0"))
	}
	if sem := service.SemVer(stamped(unversioned)); sem != stamped(unversioned) {
		t.Errorf("services call it %s", sem)
	}
}
