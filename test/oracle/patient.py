'''
The newest release gives the processes of its own half a minute to start, which is short on a busy machine. Import this for more.
'''
try:
    import synapse.lib.spawner as s_spawner
    s_spawner._spawnerWait.__defaults__ = (600,)
except (ImportError, AttributeError):
    pass  # older ones have no such processes
