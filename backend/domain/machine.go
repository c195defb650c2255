package domain

import "encoding/xml"

// Machine is what a domain asks its emulator to be. What it does not say is empty.
type Machine struct {
	Virt     string // kvm, qemu
	Emulator string // its path
	Arch     string // x86_64
	Type     string // pc-q35-7.2
	ACPI     bool
}

// MachineOf reads what a domain asks its emulator to be.
func MachineOf(text string) (Machine, error) {
	var d struct {
		XMLName  xml.Name `xml:"domain"`
		Virt     string   `xml:"type,attr"`
		Emulator string   `xml:"devices>emulator"`
		OS       struct {
			Arch    string `xml:"arch,attr"`
			Machine string `xml:"machine,attr"`
		} `xml:"os>type"`
		ACPI *struct{} `xml:"features>acpi"`
	}
	err := xml.Unmarshal([]byte(text), &d)
	return Machine{Virt: d.Virt, Emulator: d.Emulator, Arch: d.OS.Arch, Type: d.OS.Machine, ACPI: d.ACPI != nil}, err
}
