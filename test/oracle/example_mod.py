'''A custom module for Synapse 0.1.x to 2.0.0, named in cell.yaml as example_mod.ExampleModule: forms and types that no core model has.'''
import synapse.lib.module as s_module

TYPES = (
    ('ex:case', ('guid', {}), {}),
    ('ex:label', ('str', {'lower': True, 'onespace': True}), {}),
    ('ex:grade', ('int', {'enums': ((1, 'low'), (5, 'mid'), (9, 'high'))}), {}),
    ('ex:port', ('int', {'size': 2, 'signed': False}), {}),
    ('ex:contact', ('comp', {'fields': (('label', 'ex:label'), ('email', 'inet:email'))}), {}),
    ('ex:about', ('edge', {'n1:forms': ('ex:case',)}), {}),
)

FORMS = (
    ('ex:label', {}, ()),
    ('ex:port', {}, (('proto', ('str', {'enums': 'tcp,udp'}), {}),)),
    ('ex:contact', {}, (
        ('label', ('ex:label', {}), {'ro': True}),
        ('email', ('inet:email', {}), {'ro': True}),
        ('since', ('time', {'ismin': True}), {}),
    )),
    ('ex:about', {}, (
        ('n1', ('ndef', {}), {'ro': True}),
        ('n1:form', ('str', {}), {'ro': True}),
        ('n2', ('ndef', {}), {'ro': True}),
        ('n2:form', ('str', {}), {'ro': True}),
    )),
    ('ex:case', {}, (
        ('label', ('ex:label', {}), {}),
        ('grade', ('ex:grade', {}), {}),
        ('ports', ('array', {'type': 'ex:port', 'uniq': True, 'sorted': True}), {}),
        ('open', ('ival', {}), {}),
        ('site', ('geo:latlong', {}), {}),
        ('key', ('hex', {'size': 16}), {}),
        ('notes', ('data', {}), {}),
    )),
)

class ExampleModule(s_module.CoreModule):

    def getModelDefs(self):
        return (('example', {'types': TYPES, 'forms': FORMS}),)
