package op

// all lists every kind of operation, by an empty one that Decode fills.
var all = []func() Op{
	func() Op { return new(StopDHCP) },
	func() Op { return new(AddBridge) },
	func() Op { return new(StageAddress) },
	func() Op { return new(AttachNIC) },
	func() Op { return new(AddBond) },
	func() Op { return new(SetBondRate) },
	func() Op { return new(SetBondPrimary) },
	func() Op { return new(AddKernelBond) },
	func() Op { return new(JoinBond) },
	func() Op { return new(MoveAddress) },
	func() Op { return new(RemoveVLAN) },
	func() Op { return new(StartDHCP) },
	func() Op { return new(DefineNetwork) },
	func() Op { return new(SetPortGroups) },
	func() Op { return new(RetireNetwork) },
	func() Op { return new(AttachVM) },
	func() Op { return new(WriteFile) },
	func() Op { return new(MarkIfState) },
	func() Op { return new(Inverse) },
}

// Kinds names every kind of operation.
func Kinds() []string {
	var kinds []string
	for _, empty := range all {
		kinds = append(kinds, empty().Kind())
	}
	return kinds
}
